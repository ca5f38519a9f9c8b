// Starts the service as a child process in a data directory of its own, and stops it again. The demo command owns it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

const READY_TIMEOUT_MS = 45_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 40;
const KEPT_LOG_CHARS = 4_000;

export interface Service {
  baseUrl: string;
  whenReady(): Promise<Readiness>;
  stop(): Promise<void>;
}

type Readiness = { kind: 'ready'; token: string } | { kind: 'failed'; message: string };

export async function startService(self: string[], dataDir: string): Promise<Service> {
  const port = await freePort();
  const [file = process.execPath, ...args] = self;
  const child = spawn(file, [...args, 'start', '--host', '127.0.0.1', '--port', String(port), '--data', dataDir], {
    cwd: dataDir,
    env: cleanEnvironment(process.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = keepTail(child);
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    baseUrl,
    async whenReady() {
      if (!(await isReady(child, baseUrl))) {
        return { kind: 'failed', message: `the service did not become ready. Its last words:\n${log()}` };
      }
      return { kind: 'ready', token: (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim() };
    },
    stop: () => stopChild(child),
  };
}

// The demo is the same on every machine: settings of the user's own service do not reach it.
function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSetting = (name: string) => /^(COMFLEET_.*|DATABASE_URL|STORAGE_URL|PORT|HOST)$/.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isSetting(name)));
}

function keepTail(child: ChildProcess): () => string {
  let tail = '';
  const keep = (bytes: Buffer) => {
    tail = (tail + bytes.toString()).slice(-KEPT_LOG_CHARS);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(`${error.message}\n`)));
  return () => tail;
}

async function isReady(child: ChildProcess, baseUrl: string): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (isRunning(child) && Date.now() < deadline) {
    const reply = await fetch(`${baseUrl}/readyz`).catch(() => undefined); // refused until it listens
    await reply?.arrayBuffer();
    if (reply?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port was given');
  return address.port;
}
