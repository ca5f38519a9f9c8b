// The command line of `npm run bench`.
import { expect, it } from 'vitest';
import { readOptions } from './options.ts';

it('reads rows, ranges of rows, minutes and the command of a real ComfyUI', () => {
  const args = ['--rows', '1-3,13', '--minutes', '25', '--seed', '7'];
  const options = readOptions(args, { COMFYUI_COMMAND: '["start.sh","{port}","{base_dir}"]' });
  expect(options).toMatchObject({ rows: [1, 2, 3, 13], minutes: 25, rounds: undefined, seed: 7, isQuick: false });
  expect(options.comfyuiCommand).toEqual(['start.sh', '{port}', '{base_dir}']);
});

it.each([
  [['--rows', '1-x'], {}],
  [['--rounds', '2.5'], {}],
  [['--minutes', ''], {}],
  [[], { COMFYUI_COMMAND: '"start.sh"' }],
  [[], { COMFYUI_COMMAND: '[1]' }],
])('refuses %j with %j', (args, env) => {
  expect(() => readOptions(args, env)).toThrow();
});
