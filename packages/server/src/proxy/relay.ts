// One caller's websocket through to an instance: its own connection there under an id of ours, and back only the frames
// of the caller's own prompts. Made and kept by sockets.ts.
import { randomUUID } from 'node:crypto';
import {
  decodeBinaryFrame,
  decodeTextFrame,
  type Frame,
  isJsonObject,
  type JsonValue,
  parseJson,
} from '@comfleet/comfyui';
import { WebSocket } from 'ws';
import type { Instance } from '../instances/fleet.ts';

export interface Relay {
  readonly accountId: string;
  readonly instance: Instance;
  /** What the caller calls itself; it never reaches the instance. */
  readonly callerId: string;
  /** What the instance knows it by. */
  readonly clientId: string;
  /** A prompt that is about to be sent for it. */
  expect(promptId: string): void;
  attach(caller: WebSocket): void;
  close(code: number, reason: string): void;
}

export interface RelayInput {
  readonly accountId: string;
  readonly instance: Instance;
  readonly callerId: string;
  readonly onClosed: (relay: Relay) => void;
}

const CONNECT_MS = 10_000;
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const PING_MS = 30_000;
const REMEMBERED_PROMPTS = 1_000;
// ComfyUI sends to all its sockets one after the other, so a reader must never hold it up: a slow one misses what the
// next frame replaces, and one that does not read at all is cut off.
const SLOW_BYTES = 1024 * 1024;
const STUCK_BYTES = 32 * 1024 * 1024;

/** Resolves once the instance knows it; rejects with why it cannot be reached. */
export async function openRelay(input: RelayInput): Promise<Relay> {
  const clientId = `comfleet-proxy-${randomUUID()}`;
  const url = new URL(input.instance.connection.baseUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/ws`;
  url.search = `?clientId=${clientId}`;
  const upstream = new WebSocket(url, {
    perMessageDeflate: false,
    followRedirects: false,
    handshakeTimeout: CONNECT_MS,
    maxPayload: MAX_FRAME_BYTES,
    skipUTF8Validation: true,
  });
  // Its first message comes at once: nothing may be lost before the caller is there.
  await new Promise<void>((resolve, reject) => {
    upstream.once('open', () => {
      upstream.pause();
      resolve();
    });
    upstream.once('error', reject);
  });
  return makeRelay(input, { clientId, upstream });
}

function makeRelay(input: RelayInput, { clientId, upstream }: { clientId: string; upstream: WebSocket }): Relay {
  const filter = createFilter(input.callerId);
  let caller: WebSocket | undefined;
  let isClosed = false;

  function close(code: number, reason: string) {
    if (isClosed) return;
    isClosed = true;
    clearInterval(pings);
    caller?.close(code, reason);
    upstream.terminate();
    input.onClosed(relay);
  }

  const pings = setInterval(() => caller?.ping(), PING_MS).unref();
  upstream.on('error', () => close(1011, 'the connection to the instance broke'));
  upstream.on('close', () => close(1012, 'the instance closed its websocket'));
  upstream.on('message', (data: Buffer, isBinary: boolean) => {
    const frame = isBinary ? decodeBinaryFrame(data) : decodeTextFrame(data);
    if (frame.type === 'malformed') return;
    const shown = filter.show(frame, data);
    if (shown !== undefined && caller !== undefined) pass(caller, { shown, isBinary, frame });
    // Ours hear of this prompt too: that is how its turn ends.
    if ('promptId' in frame && frame.promptId !== undefined) input.instance.connection.deliver(frame);
  });

  function pass(
    to: WebSocket,
    { shown, isBinary, frame }: { shown: Buffer | string; isBinary: boolean; frame: Frame },
  ) {
    if (to.bufferedAmount > STUCK_BYTES) return close(1008, 'frames are not read');
    const isReplaceable = frame.type === 'preview' || frame.type === 'progress' || frame.type === 'progress_state';
    if (isReplaceable && to.bufferedAmount > SLOW_BYTES) return;
    to.send(isBinary ? shown : shown.toString(), { binary: isBinary });
  }

  const relay: Relay = {
    accountId: input.accountId,
    instance: input.instance,
    callerId: input.callerId,
    clientId,
    expect: (promptId) => filter.expect(promptId),
    attach(socket) {
      caller = socket;
      socket.once('message', (data: Buffer, isBinary: boolean) => {
        // All that ComfyUI reads of a client, and only in its first message.
        if (!isBinary && isFeatureFlags(data.toString())) upstream.send(data.toString());
      });
      socket.on('error', () => close(1011, 'the connection broke'));
      socket.on('close', () => close(1000, ''));
      upstream.resume();
    },
    close,
  };
  return relay;
}

const NAMELESS = new Set(['preview', 'text', 'executing']);

interface Filter {
  expect(promptId: string): void;
  /** What the caller gets of a frame; undefined: nothing. */
  show(frame: Frame, data: Buffer): Buffer | string | undefined;
}

// ComfyUI sends a prompt's frames to its own socket, but some to all: those of prompts without a client, and what custom
// nodes like to tell everybody. Only what surely belongs to this caller passes.
function createFilter(callerId: string): Filter {
  const own = new Set<string>();
  let runs = false;

  function isOwn(frame: Frame, data: Buffer): boolean {
    const named = 'promptId' in frame ? frame.promptId : undefined;
    const promptId = frame.type === 'unknown' ? readPromptId(data) : named;
    // Old-form previews and texts name no prompt.
    if (promptId === undefined) return runs && NAMELESS.has(frame.type);
    const isHere = own.has(promptId);
    if (frame.type === 'execution_start') runs = isHere;
    if (frame.type === 'done') runs = false;
    return isHere;
  }

  return {
    expect(promptId) {
      own.add(promptId);
      const oldest = own.values().next().value;
      if (own.size > REMEMBERED_PROMPTS && oldest !== undefined) own.delete(oldest);
    },
    show(frame, data) {
      if (frame.type === 'status') return frame.sid === undefined ? data : withSid(data, callerId);
      if (frame.type === 'feature_flags') return data;
      return isOwn(frame, data) ? data : undefined;
    },
  };
}

function readPromptId(data: Buffer): string | undefined {
  const message = parse(data.toString());
  const inner = isJsonObject(message) ? message['data'] : undefined;
  const id = isJsonObject(inner) ? inner['prompt_id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

function withSid(data: Buffer, sid: string): string {
  const message = parse(data.toString());
  const inner = isJsonObject(message) ? message['data'] : undefined;
  if (!isJsonObject(message) || !isJsonObject(inner)) return '';
  return JSON.stringify({ ...message, data: { ...inner, sid } });
}

function isFeatureFlags(text: string): boolean {
  const message = text.length > 10_000 ? undefined : parse(text);
  return isJsonObject(message) && message['type'] === 'feature_flags';
}

function parse(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined; // no JSON: nothing is known of it
  }
}
