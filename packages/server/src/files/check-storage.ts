// Whether the file storage can be used: writes, reads and removes a small probe. Called at start and by `comfleet doctor`.
import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { type Storage, StorageError } from './storage.ts';

export const PROBE_PREFIX = 'probe-';
const WAY_OUT = 'check that its place exists, is reachable, and that this process may write, read and remove there';
const ROOM = 'make room where the files are kept';

function describe(step: string, error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const isFull = error instanceof StorageError && error.kind === 'full';
  return `The file storage could not ${step}: ${words}${cause}; ${isFull ? ROOM : WAY_OUT}.`;
}

async function readProblem(storage: Storage, key: string, written: Buffer): Promise<string | undefined> {
  try {
    const opened = await storage.open(key);
    if (!opened) return describe('read a probe file', 'what was just written is not there');
    const read = await buffer(opened.stream);
    return read.equals(written) ? undefined : describe('read a probe file', 'other bytes came back than were written');
  } catch (error) {
    return describe('read a probe file', error);
  }
}

// One sentence a problem; none when all is well.
export async function checkStorage(storage: Storage): Promise<string[]> {
  const key = `${PROBE_PREFIX}${randomUUID()}`; // replicas that start together must not remove each other's
  const bytes = Buffer.from(key);
  try {
    await storage.put(key, bytes, { maxBytes: bytes.length });
  } catch (error) {
    return [describe('write a probe file', error)];
  }
  const problem = await readProblem(storage, key, bytes);
  const problems = problem === undefined ? [] : [problem];
  try {
    await storage.remove(key);
    if (await storage.has(key)) problems.push(describe('remove a probe file', 'it is still there after its removal'));
  } catch (error) {
    problems.push(describe('remove a probe file', error));
  }
  return problems;
}
