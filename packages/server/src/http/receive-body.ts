// The body's bytes from the socket: counted against the limit, a large one written straight into its place, and
// decompressed. Fastify's parser for every content type; used by server.ts.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { ApiError } from '@comfleet/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createBodyBudget } from './body-budget.ts';
import { chooseDecoder, decompress, type Growth } from './decompress.ts';
import { concatInSteps } from './turns.ts';

/** From here on a body is counted, and its memory is taken once and not twice. */
const LARGE_BYTES = 1024 * 1024;
/** How many bodies at the limit may be in memory at once. */
const BODIES_AT_ONCE = 4;
/** While others wait for room, a large body has to come this quickly: 64 KiB a second. */
const PACE_BYTES = 320 * 1024;
const PACE_MS = 5_000;

type Done = (error: Error | null, body?: Buffer) => void;

export function createBodyReceiver(limitBytes: number, paceMs = PACE_MS) {
  const budget = createBodyBudget(limitBytes * BODIES_AT_ONCE);
  const responses = new WeakMap<FastifyRequest, ServerResponse>();

  function tooLarge(): ApiError {
    return new ApiError(413001, `The body is larger than this server accepts (${limitBytes} bytes).`);
  }

  function receive(request: FastifyRequest, payload: Readable, done: Done): void {
    const { headers } = request;
    const announced = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
    if (announced !== undefined && announced > limitBytes) done(tooLarge());
    else if (announced === undefined || announced > LARGE_BYTES || headers['content-encoding'] !== undefined) {
      void receiveLarge(request, payload, announced).then((body) => done(null, body), done);
    } else collect(payload, done);
  }

  /** Counted until its call is answered. */
  async function takeRoom(request: FastifyRequest, bytes: number): Promise<void> {
    const release = await budget.take(bytes);
    const response = responses.get(request);
    if (response === undefined || response.closed) release();
    else response.once('close', release);
  }

  async function receiveLarge(request: FastifyRequest, payload: Readable, announced: number | undefined) {
    const undo = chooseDecoder(request.headers['content-encoding']);
    // One whose size is not known counts as the largest, from when it shows to be large: most are not.
    let room: Promise<void> | undefined;
    const onLarge = () => {
      room ??= takeRoom(request, limitBytes);
      return room;
    };
    if (announced !== undefined && announced > LARGE_BYTES) {
      room = takeRoom(request, undo === undefined ? announced : limitBytes);
      await room;
    }
    const growth = { limitBytes, largeBytes: LARGE_BYTES, onLarge };
    const pace = watchPace(payload, () => room !== undefined && budget.isCrowded(), paceMs);
    const read = announced === undefined ? gather(payload, growth, pace) : fill(payload, announced, pace);
    const body = await read.finally(pace.stop);
    if (body === undefined) throw tooLarge();
    return undo === undefined ? body : await decompress(undo, body, growth);
  }

  return {
    receive,
    /** Before the body is read: lets a large one be counted until its call is answered. */
    expect(request: FastifyRequest, reply: FastifyReply): void {
      const { headers } = request.raw;
      const length = headers['content-length'];
      const isSmall = length !== undefined && length.length < 7 && headers['content-encoding'] === undefined;
      if (!isSmall && (length !== undefined || headers['transfer-encoding'] !== undefined)) {
        responses.set(request, reply.raw);
      }
    },
  };
}

// A sender that announces much and sends little would hold everybody's room. There is no answer for it: its body is not
// there, and its connection ends.
function watchPace(payload: Readable, isInTheWay: () => boolean, paceMs: number): Pace {
  let arrivedBytes = 0;
  const timer = setInterval(() => {
    if (isInTheWay() && arrivedBytes < PACE_BYTES) payload.destroy(new Error('the body came too slowly'));
    arrivedBytes = 0;
  }, paceMs);
  return {
    count(bytes) {
      arrivedBytes += bytes;
    },
    stop: () => clearInterval(timer),
  };
}

interface Pace {
  count(bytes: number): void;
  stop(): void;
}

// The usual body, of a few chunks. Node's parser has the length kept, so there is nothing to count.
function collect(payload: Readable, done: Done): void {
  const chunks: Buffer[] = [];
  payload.on('data', (chunk: Buffer) => chunks.push(chunk));
  payload.once('end', () => done(null, Buffer.concat(chunks)));
  payload.once('error', (error) => done(brokenOff(error)));
}

async function fill(payload: Readable, announced: number, pace: Pace): Promise<Buffer> {
  const body = Buffer.allocUnsafeSlow(announced);
  let size = 0;
  try {
    for await (const chunk of payload) {
      size += (chunk as Buffer).copy(body, size);
      pace.count((chunk as Buffer).length);
    }
  } catch (error) {
    throw brokenOff(error);
  }
  return body.subarray(0, size);
}

/** Undefined when there is more than the limit. */
async function gather(payload: Readable, growth: Growth, pace: Pace): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length;
      pace.count((chunk as Buffer).length);
      if (size > growth.limitBytes) return undefined;
      if (size > growth.largeBytes) await growth.onLarge();
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    throw error instanceof ApiError ? error : brokenOff(error);
  }
  return await concatInSteps(chunks, size);
}

// Nobody is there to read it; it must not be logged as a fault of ours.
function brokenOff(cause: unknown): ApiError {
  const msg = 'The body broke off before its end.';
  return new ApiError(422001, msg, { detail: [{ loc: ['body'], msg, type: 'truncated' }], cause });
}
