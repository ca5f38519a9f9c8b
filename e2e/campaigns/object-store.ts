// The stand-in for an S3-compatible server that the tests of storage use, as a process of its own: the service keeps its
// files there, a campaign makes it fail, and the judge reads what is really in it. Created by stage.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');
const SERVER = join(root, 'packages', 'server', 'testing', 'run-s3-server.ts');
const BUCKET = 'pictures';
const KEYS = { AWS_ACCESS_KEY_ID: 'comfleet-test', AWS_SECRET_ACCESS_KEY: 'comfleet-test-secret' };
const ANYBODY = `AWS4-HMAC-SHA256 Credential=${KEYS.AWS_ACCESS_KEY_ID}/any, Signature=${'0'.repeat(64)}`;

/** As packages/server/testing/s3-server.ts knows them. */
export interface StoreFault {
  readonly operation: string;
  readonly how: string | { readonly status: number; readonly code: string };
  readonly times: number;
}

export interface Kept {
  readonly sha256: string;
  /** When these bytes were first there. */
  readonly sinceMs: number;
}

export interface ObjectStore {
  readonly url: string;
  /** What the service is told, at this address. */
  settings(url: string): Readonly<Record<string, string>>;
  /** What is there, by no way that a fault touches. */
  look(key: string): Promise<Kept | undefined>;
  misbehave(faults: readonly StoreFault[]): Promise<void>;
  /** How many of an operation's faults have not struck yet. */
  faultsLeft(operation: string): Promise<number>;
  /** This operation, or all of them. */
  recover(operation?: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startObjectStore(dir: string): Promise<ObjectStore> {
  const log = openSync(join(dir, 'object-store.log'), 'a');
  const child = spawn(process.execPath, ['--import', 'tsx', SERVER], {
    cwd: root,
    env: { ...process.env, PORT: '0', S3_BUCKET: BUCKET },
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const ended = once(child, 'exit');
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const ask = askBy(child);
  return {
    url,
    settings: (at) => ({ ...KEYS, STORAGE_URL: `s3://${BUCKET}/files?endpoint=${encodeURIComponent(at)}` }),
    look: (key) => look(`${url}/${BUCKET}/files/${key}`),
    misbehave: async (faults) => void (await ask({ add: faults })),
    faultsLeft: async (operation) => (await ask({ operation })).left,
    recover: async (operation) => void (await ask({ operation, isOver: true })),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

interface Reply {
  readonly id: number;
  readonly left: number;
}

function askBy(child: ChildProcess) {
  let asked = 0;
  const waiting = new Map<number, (reply: Reply) => void>();
  child.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply));
  return async (question: Record<string, unknown>): Promise<Reply> => {
    asked += 1;
    const id = asked;
    const answered = new Promise<Reply>((resolveAnswer) => waiting.set(id, resolveAnswer));
    child.send({ ...question, id });
    const reply = await answered;
    waiting.delete(id);
    return reply;
  };
}

async function look(url: string): Promise<Kept | undefined> {
  const reply = await fetch(url, { headers: { authorization: ANYBODY } });
  const bytes = Buffer.from(await reply.arrayBuffer());
  if (reply.status === 404) return undefined;
  if (!reply.ok) throw new Error(`the object store answered ${reply.status}: ${bytes}`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sha256, sinceMs: Number(reply.headers.get('x-since-ms')) };
}
