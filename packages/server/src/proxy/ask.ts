// A call of the proxy's own to an instance, with the whole answer: for paths whose answers are looked into first.
import type { Instance } from '../instances/fleet.ts';
import { toUnreachable } from './forward.ts';
import type { Pools } from './pools.ts';
import { readStream } from './read-stream.ts';

export interface Asked {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** A queue holds whole graphs. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

export async function ask(
  pools: Pools,
  instance: Instance,
  call: { method: 'GET' | 'POST'; path: string; json?: string; signal?: AbortSignal },
): Promise<Asked> {
  const { pool, basePath } = pools.of(instance);
  try {
    const reply = await pool.request({
      method: call.method,
      path: basePath + call.path,
      headers: call.json === undefined ? {} : { 'content-type': 'application/json' },
      body: call.json ?? null,
      signal: call.signal ?? null,
    });
    const body = await readStream(reply.body, MAX_ANSWER_BYTES);
    if (body === undefined) throw new Error('its answer is too large to look into');
    const contentType = reply.headers['content-type'];
    return { status: reply.statusCode, contentType: typeof contentType === 'string' ? contentType : '', body };
  } catch (error) {
    throw toUnreachable(instance, error);
  }
}
