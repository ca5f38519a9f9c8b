// What is said of a program that cannot be run. Callers read it too, so it says nothing of the machine.
import { expect, it } from 'vitest';
import { findProblem } from './process-check.ts';

const settings = { cwd: undefined, env: { PATH: '/opt/of-the-machine' }, envFrom: [], gpus: [], maxInstances: 1 };

it('of a program that is nowhere, not where it was looked for', async () => {
  const problem = await findProblem({ ...settings, command: ['no-such-program'] });
  expect(problem).toMatch(/^the program "no-such-program" is not in the PATH .* whole path in "command"/);
  expect(problem).not.toContain('of-the-machine');
});

it('nothing of one that is there', async () => {
  expect(await findProblem({ ...settings, env: { PATH: '/bin:/usr/bin' }, command: ['sh'] })).toBeUndefined();
});
