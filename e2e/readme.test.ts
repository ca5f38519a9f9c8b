import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const start = join(root, 'tools', 'start.mjs');
const photo = join(root, 'examples', 'photo.jpg');
const scratch = mkdtempSync(join(tmpdir(), 'comfleet readme '));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function comfleet(args: string[], cwd = scratch) {
  const env = { ...process.env, INIT_CWD: cwd };
  const { status, stdout, stderr } = spawnSync(process.execPath, [start, ...args], { cwd, env, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** Width and height from the head of a PNG file. */
function pngSize(path: string): [number, number] {
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

describe('the demo', () => {
  it('turns the sample photo into a picture, tells how, and leaves no service behind', () => {
    const { code, stdout, stderr } = comfleet(['demo']);
    expect(stderr.replace(/^built .*\n/, '')).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/status +completed on /);
    expect(stdout).toContain('result      succeeded');
    expect(stdout).toContain('curl -fsS');
    expect(stdout).toContain(`The picture: ${join(scratch, 'comfleet-demo.png')}`);
    expect(stdout, 'colours only on a terminal').not.toContain('\u001b[');
    expect(pngSize(join(scratch, 'comfleet-demo.png'))).toEqual([1632, 576]);
    const dataDir = /data in (\S+)/.exec(stdout)?.[1] ?? '';
    expect(dataDir).not.toBe('');
    expect(existsSync(dataDir)).toBe(false);
  }, 120_000);

  it('says when the photo does not exist or is no photo, before it starts anything', () => {
    expect(comfleet(['demo', 'none.jpg'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no file'),
    });
    expect(comfleet(['demo', start])).toMatchObject({ code: 1, stderr: expect.stringContaining('is no picture') });
  });

  it('interrupted, stops its service and removes its data', async () => {
    const child = spawn(process.execPath, [start, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString();
    });
    await until(async () => stdout.includes('data in '));
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
    const [, url = '', dataDir = ''] = /(http:\S+), ready in .* data in (\S+)/.exec(stdout) ?? [];
    expect(existsSync(dataDir)).toBe(false);
    await expect(fetch(url)).rejects.toThrow();
  }, 120_000);
});

it('a wrong word on the command line ends with exit code 2', () => {
  expect(comfleet(['start', '--prot', '1'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--prot') });
});

describe('the example clients', () => {
  const folder = join(scratch, 'project');
  let child: ChildProcess;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const data = join(scratch, 'data');
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const args = ['start', '--silent', '--', '--port', String(port), '--data', data];
    child = spawn('npm', args, { cwd: root, stdio: 'ignore' });
    await until(async () => (await fetch(`${url}/readyz`)).ok);
    const token = readFileSync(join(data, 'admin-token'), 'utf8').trim();
    expect(statSync(join(data, 'admin-token')).mode & 0o777).toBe(0o600);
    env = { ...process.env, COMFLEET_URL: url, COMFLEET_TOKEN: token };
  });

  afterAll(async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
    expect(code, 'SIGTERM to npm ends the service, and both with 0').toBe(0);
    await expect(fetch(`${env['COMFLEET_URL']}/healthz`)).rejects.toThrow();
  });

  const has = (program: string) => spawnSync(program, ['--version']).status === 0;
  const clients: [name: string, command: string[], needs: string[]][] = [
    ['node', [process.execPath, 'examples/node/run.mjs'], []],
    ['curl', ['bash', 'examples/curl/run.sh'], ['bash', 'curl']],
    ['python', ['python3', 'examples/python/run.py'], ['python3']],
  ];
  // A machine with nothing but Node runs the Node client only.
  const runnable = clients.filter(([, , needs]) => needs.every(has));

  it.each(runnable)('%s sends a photo and saves the picture', (name, [file = '', script = '']) => {
    const cwd = mkdtempSync(`${folder}-${name}-`);
    const { status, stderr } = spawnSync(file, [join(root, script), photo], { cwd, env, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(pngSize(join(cwd, 'picture.png'))).toEqual([1632, 576]);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('the service did not become ready');
    await new Promise((next) => setTimeout(next, 50));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}
