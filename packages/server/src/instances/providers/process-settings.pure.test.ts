import { expect, it } from 'vitest';
import { readProcessSettings } from './process-settings.pure.ts';

function read(value: unknown) {
  const problems: string[] = [];
  return { settings: readProcessSettings(value, 'hardware[0].process', problems), problems };
}

it('there is one instance for each GPU unless the configuration says otherwise', () => {
  const command = ['python', 'main.py', '--port', '{port}'];
  const expected = { command, cwd: undefined, env: {}, envFrom: [], gpus: ['0', '1'], maxInstances: 2 };
  expect(read({ command, gpus: ['0', '1'] })).toEqual({ settings: expected, problems: [] });
  expect(read({ command }).settings).toMatchObject({ gpus: [], maxInstances: 1 });
  expect(read({ command, gpus: ['0', '1'], max_instances: 1 }).settings?.maxInstances).toBe(1);
});

it('every problem is listed at once, with its path', () => {
  const { settings, problems } = read({ comand: ['python'], cwd: 'models', gpus: ['0', '0'], max_instances: 0 });
  expect(settings).toBeUndefined();
  expect(problems).toEqual([
    expect.stringMatching(/hardware\[0\]\.process: unknown key "comand" \(did you mean "command"\?\)/),
    expect.stringMatching(/^hardware\[0\]\.process\.command: is missing/),
    expect.stringMatching(/^hardware\[0\]\.process\.gpus: one of them is there twice/),
    expect.stringMatching(/^hardware\[0\]\.process\.cwd: "models": expected an absolute path/),
    expect.stringMatching(/^hardware\[0\]\.process\.max_instances: 0: expected a whole number/),
  ]);
  expect(read({ command: [] }).problems).toEqual([expect.stringMatching(/command: \[\]: expected at least/)]);
});

it('a placeholder that nothing is filled in for is refused, other braces are not', () => {
  const { problems } = read({ command: ['python', 'main.py', '--port={prt}'] });
  expect(problems).toEqual([expect.stringMatching(/command.*\{prt\}.*placeholders are \{port\}/)]);
  expect(read({ command: ['sh', '-c', `run --port {port} --json {"a":1} \${HOME} \${home}`] }).problems).toEqual([]);
});

it('says of GPUs by number that they are to be texts', () => {
  expect(read({ command: ['python'], gpus: [0] }).problems).toEqual([
    'hardware[0].process.gpus: [0]: expected a list, each the number or UUID of one as a text, such as "0"',
  ]);
});
