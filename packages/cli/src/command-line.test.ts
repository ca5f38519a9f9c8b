import { describe, expect, it } from 'vitest';
import { parseCommand } from './command-line.ts';

describe('the command line', () => {
  it('takes every flag of start, and --comfyui more than once', () => {
    const argv = [
      'start',
      '--comfyui',
      'http://a:1',
      '--comfyui=http://b:2',
      '--port',
      '0',
      '--host',
      '::1',
      '--data',
      'd',
      '--sandbox',
    ];
    expect(parseCommand(argv)).toEqual({
      kind: 'start',
      args: { comfyui: ['http://a:1', 'http://b:2'], port: 0, host: '::1', dataDir: 'd', sandbox: true },
    });
  });

  it('leaves out what was not given, so that the environment decides', () => {
    expect(parseCommand(['start'])).toEqual({ kind: 'start', args: {} });
  });

  it('takes an optional photo for the demo', () => {
    expect(parseCommand(['demo'])).toEqual({ kind: 'demo', photo: undefined });
    expect(parseCommand(['demo', 'a photo.jpg'])).toEqual({ kind: 'demo', photo: 'a photo.jpg' });
  });

  it('shows the help without a command, and whenever asked', () => {
    for (const argv of [[], ['help'], ['--help'], ['start', '-h']])
      expect(parseCommand(argv)).toEqual({ kind: 'help' });
  });

  it.each([
    [['strat'], 'unknown command "strat"'],
    [['start', '--prot', '1'], "unknown option '--prot'"],
    [['start', '--port', 'x'], '--port wants a number from 0 to 65535, got "x"'],
    [['start', '--port', '65536'], '--port wants a number from 0 to 65535, got "65536"'],
    [['start', '--port'], "option '--port <value>' argument missing"],
    [['start', 'now'], "unexpected argument 'now'"],
    [['demo', 'a.jpg', 'b.jpg'], 'demo takes one photo'],
  ])('says what is wrong with %j', (argv, message) => {
    const command = parseCommand(argv);
    expect(command.kind).toBe('bad');
    expect(command.kind === 'bad' && command.message).toContain(message);
  });
});

it('the doctor takes the flags of a start', () => {
  expect(parseCommand(['doctor', '--port', '7000', '--data', '/d'])).toEqual({
    kind: 'doctor',
    args: { port: 7000, dataDir: '/d' },
  });
});
