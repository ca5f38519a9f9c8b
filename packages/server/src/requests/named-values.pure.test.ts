import { expect, it } from 'vitest';
import { applyNamedValues } from './named-values.pure.ts';

it('thousands of unknown names are all told of, and cost little', () => {
  const known = new Map(
    Array.from({ length: 500 }, (_, index) => [
      `parameter_${index}`,
      { name: `parameter_${index}`, node: '1', input: `i${index}` },
    ]),
  );
  const given = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`parametre_${index}`, 1]));
  const before = process.cpuUsage();
  const { problems } = applyNamedValues(known, { parameters: given });
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(1_000);
  expect(problems).toHaveLength(10_000);
  expect(problems[0]?.msg).toContain('Did you mean "parameter_');
  expect(problems[9_999]?.msg).toMatch(/no parameter "parametre_9999"\.$/);
});
