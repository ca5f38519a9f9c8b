// The emulator as a process: how it announces itself and how it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { smallGraph } from './testing/start-emulator.ts';

let baseDir: string;
let child: ChildProcess;

beforeEach(async () => {
  baseDir = await mkdtemp(path.join(tmpdir(), 'emulator-process-'));
});

afterEach(async () => {
  child.kill('SIGKILL');
  await rm(baseDir, { recursive: true, force: true });
});

async function start(args: string[], stdin: 'pipe' | 'ignore' = 'pipe') {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const command = ['--import', 'tsx', main, '--port', '0', '--base-dir', baseDir, ...args];
  child = spawn(process.execPath, command, { stdio: [stdin, 'pipe', 'inherit'] });
  const exited = new Promise<string>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`)),
  );
  const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(String(data))));
  return { line, ready: JSON.parse(line) as { ready: boolean; port: number; pid: number }, exited };
}

const submit = (port: number, body: object) =>
  fetch(`http://127.0.0.1:${port}/prompt`, { method: 'POST', body: JSON.stringify({ prompt: smallGraph(), ...body }) });

it('announces its port in one line, and stops on SIGTERM', async () => {
  const { line, ready, exited } = await start([], 'ignore');
  expect(line).toBe(`{"ready":true,"port":${ready.port},"pid":${child.pid}}\n`);
  expect((await fetch(`http://127.0.0.1:${ready.port}/prompt`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await exited).toBe('code 0');
});

it('goes when its stdin ends, but not before its last websocket client has left', async () => {
  const { ready, exited } = await start([]);
  const socket = new WebSocket(`ws://127.0.0.1:${ready.port}/ws`);
  await new Promise((resolve) => socket.once('message', resolve));
  child.stdin?.end();
  expect((await submit(ready.port, {})).status).toBe(200);
  expect(child.exitCode).toBe(null);
  socket.close();
  expect(await exited).toBe('code 0');
});

it('dies by the signal asked for, and its record of executions survives', async () => {
  const file = path.join(baseDir, 'executions.jsonl');
  const { ready, exited } = await start([
    '--null-exec',
    '--executions-file',
    file,
    '--faults',
    '{"crash":{"at":"end","signal":"SIGKILL","skip":1}}',
  ]);
  await submit(ready.port, { prompt_id: 'first' });
  await submit(ready.port, { prompt_id: 'second' }).catch(() => {}); // it may die before it answers
  expect(await exited).toBe('SIGKILL');
  const lines = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  expect(lines.map(({ prompt_id, outcome, fault }) => `${prompt_id} ${outcome ?? fault}`)).toEqual([
    ...['first running', 'first success', 'second running', 'second crash'],
  ]);
});

it('says what is wrong with its arguments', async () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  child = spawn(process.execPath, ['--import', 'tsx', main, '--port', 'x'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = new Promise<string>((resolve) => child.stderr?.once('data', (data) => resolve(String(data))));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  expect(await said).toBe('emulator: --port must be a number, not "x"\n');
  expect(await exited).toBe(2);
});
