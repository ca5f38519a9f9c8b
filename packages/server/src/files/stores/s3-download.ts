// An object's bytes as a stream that goes on where a reply broke off, and never ends short. Called by s3.ts.
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from '../storage.ts';

export interface Reply {
  readonly body: Readable;
  /** Undefined when the server says none. */
  readonly etag: string | undefined;
  readonly sizeBytes: number;
}

export interface Wanted {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
  /** Of the bytes that came before: others must not follow them. */
  readonly etag: string | undefined;
}

const TRIES = 4;
const PAUSE_MS = 50;
const BROKE_OFF = '[s3] the bytes of an object broke off';

/** `first` is the reply that holds the bytes from `start` to `end`. */
export function readOn(first: Reply, { start, end }: Omit<Wanted, 'etag'>, ask: Ask) {
  const stream = Readable.from(follow(first, { start, end, etag: first.etag }, ask), { objectMode: false });
  stream.once('close', () => first.body.destroy()); // also when nobody ever read
  return stream;
}

type Ask = (wanted: Wanted) => Promise<Reply>;

async function* follow(first: Reply, wanted: Wanted, ask: Ask): AsyncGenerator<Buffer> {
  let reply = first;
  let at = wanted.start;
  for (let failures = 0; ; ) {
    const { count, cause } = yield* drain(reply.body, wanted.end + 1 - at);
    at += count;
    if (at === wanted.end + 1) return;
    failures = count > 0 ? 1 : failures + 1;
    if (failures >= TRIES) throw new StorageError(BROKE_OFF, { kind: 'unavailable', cause });
    await sleep(PAUSE_MS * 2 ** (failures - 1));
    reply = await ask({ ...wanted, start: at });
  }
}

/** How many bytes came until the reply ended, and why it did when that was no proper end. */
async function* drain(body: Readable, limit: number): AsyncGenerator<Buffer, { count: number; cause: unknown }> {
  let count = 0;
  try {
    for await (const chunk of body) {
      count += chunk.length;
      if (count > limit) throw new StorageError('[s3] more bytes came than asked for', { kind: 'unavailable' });
      yield chunk;
    }
    return { count, cause: undefined };
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    return { count, cause };
  }
}
