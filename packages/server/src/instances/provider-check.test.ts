import { pino } from 'pino';
import { expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import type { Provider, ProviderProblem } from './provider.ts';
import { createProviderCheck } from './provider-check.ts';

function open(problems: ProviderProblem[]) {
  const lines: string[] = [];
  const world = { problems, now: 0, asked: 0 };
  const provider: Provider = {
    kind: 'process',
    start: async () => undefined,
    stop: async () => undefined,
    async check() {
      world.asked += 1;
      return world.problems;
    },
  };
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(JSON.parse(line).msg) });
  const kindOf = (sku: string) => (sku === 'ELSEWHERE' ? undefined : ('process' as const));
  return { world, lines, check: createProviderCheck({ providers: [provider], kindOf, now: () => world.now, log }) };
}

it('says what is wrong of which hardware, once, and asks again only after a while', async () => {
  const says = 'there is no such program';
  const { world, lines, check } = open([
    { sku: 'A', says },
    { sku: 'B', says },
  ]);
  expect(check.problemOf('A')).toBeUndefined();
  check.look();
  await until('it is known', () => check.problemOf('A') === says);
  expect([check.problemOf('B'), check.problemOf('C'), check.problemOf('ELSEWHERE')]).toEqual([
    says,
    undefined,
    undefined,
  ]);
  expect([lines, world.asked]).toEqual([[`no instance can be started: hardware A, B: ${says}`], 1]);

  world.now = 61_000;
  world.problems = [{ sku: undefined, says: 'no engine' }];
  await until('it is asked again', () => check.problemOf('C') === 'no engine');
  expect(check.problemOf('A')).toBe('no engine');
  world.now = 122_000;
  world.problems = [];
  await until('it is mended', () => check.problemOf('A') === undefined);
  expect(lines).toHaveLength(2);
});
