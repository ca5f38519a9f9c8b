// Runs the example clients that take webhooks and cancel, and the Go ones, as a reader would: a service from the
// sources, each client in a folder of its own. Clients whose interpreter is not on this machine are left out.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'comfleet clients '));
const TOKEN = 'token-of-the-example-clients';

interface Client {
  readonly name: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly needs: readonly (readonly string[])[];
  readonly says: RegExp;
  /** Width and height of the picture that it saves. */
  readonly picture?: readonly [number, number];
}

const CANCELLED = String.raw`cancel: (cancellation_requested|not_cancellable)\nthen: (completed|cancelled)\n`;
const WEBHOOK = {
  says: new RegExp(`^genuine webhook, saved picture.png\n${CANCELLED}$`),
  picture: [512, 512],
} as const;
const GO = [['go', 'version']] as const;

const CLIENTS: readonly Client[] = [
  { name: 'node, webhook', command: [process.execPath, 'examples/node/webhook.mjs'], needs: [], ...WEBHOOK },
  {
    name: 'python, webhook',
    command: ['python3', 'examples/python/webhook.py'],
    needs: [['python3', '--version']],
    ...WEBHOOK,
  },
  { name: 'go, webhook', command: ['go', 'run', 'examples/go/webhook/main.go'], needs: GO, ...WEBHOOK },
  {
    name: 'go, a photo',
    command: ['go', 'run', 'examples/go/run/main.go'],
    needs: GO,
    says: /^submitted \S+\n[\s\S]*completed\nsaved picture.png\n$/,
    picture: [1632, 576],
  },
  {
    name: 'curl, cancel',
    command: ['bash', 'examples/curl/cancel.sh'],
    needs: [
      ['bash', '--version'],
      ['curl', '--version'],
    ],
    says: new RegExp(`^submitted \\S+\n${CANCELLED}$`),
  },
];

const isHere = ([file = '', ...args]: readonly string[]) => spawnSync(file, args).status === 0;

describe('the example client', () => {
  let service: ChildProcess;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const [port, receiver] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const main = join(root, 'packages/cli/src/main.ts');
    const args = ['--import', 'tsx', main, 'start', '--port', String(port), '--data', join(scratch, 'data')];
    const settings = { COMFLEET_ADMIN_TOKEN: TOKEN, COMFLEET_ALLOW_PRIVATE_HOSTS: `127.0.0.1:${receiver}` };
    service = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...settings }, stdio: 'ignore' });
    await untilReady(url);
    env = { ...process.env, COMFLEET_URL: url, COMFLEET_TOKEN: TOKEN, WEBHOOK_PORT: String(receiver) };
  }, 90_000);

  afterAll(async () => {
    if (service.exitCode === null) service.kill('SIGTERM');
    if (service.exitCode === null) await once(service, 'exit');
    rmSync(scratch, { recursive: true, force: true });
  });

  it.each(CLIENTS.filter(({ needs }) => needs.every(isHere)))(
    'for $name does what it says',
    async ({ name, command, says, picture }) => {
      const cwd = mkdtempSync(join(scratch, `${name} `));
      const [file, ...args] = command.map((word) => (word.startsWith('examples/') ? join(root, word) : word));
      const { code, stdout, stderr } = await run(file ?? '', args, { cwd, env });
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toMatch(says);
      if (picture !== undefined) expect(pngSize(join(cwd, 'picture.png'))).toEqual(picture);
    },
    120_000,
  );
});

async function run(file: string, args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => {
    text.stdout += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    text.stderr += bytes.toString();
  });
  const [code] = await once(child, 'close');
  return { code, ...text };
}

/** Width and height from the head of a PNG file. */
function pngSize(path: string): [number, number] {
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + 80_000;
  while (
    !(await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (Date.now() > deadline) throw new Error('the service did not become ready');
    await new Promise((next) => setTimeout(next, 100));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}
