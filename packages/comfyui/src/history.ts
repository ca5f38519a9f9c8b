// A history entry and its verdict. The watcher's safety net: asked when a socket was lost, an end was announced, or
// nothing was heard for long. `undefined` alone proves nothing; only absent here AND from the queue means lost.
import { malformed, postJson, requireJson, requireOk } from './answers.ts';
import { ComfyError } from './comfy-error.ts';
import { type ExecutionError, isTerminalError, readExecutionError } from './execution-error.ts';
import { readArray, readBoolean, readId, readObject, readString } from './fields.ts';
import type { Http, HttpRequest } from './http.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

export interface HistoryMessage {
  type: string;
  data: JsonObject;
}

export type Terminal =
  | { kind: 'success'; data: JsonObject }
  | { kind: 'error'; data: JsonObject; error: ExecutionError }
  | { kind: 'interrupted'; data: JsonObject; nodeId: string | undefined }
  /** The entry exists, so the prompt is over, but its last message is none of the three. */
  | { kind: 'unknown'; data: JsonObject; lastType: string | undefined };

export interface HistoryEntry {
  status: { messages: HistoryMessage[]; statusStr: string | undefined; completed: boolean };
  /** Node id → ui output: also of nodes served from cache, and those made before a failure. */
  outputs: Map<string, JsonValue>;
  terminal: Terminal;
}

/** Entries echo the whole graph, inline images and all. */
const MAX_ENTRY_BYTES = 64 * 1024 * 1024;

export async function fetchHistory(http: Http, promptId: string): Promise<HistoryEntry | undefined> {
  // Without an id the route would answer with everybody's history.
  if (promptId === '') throw new ComfyError('argument', 'history needs a prompt id', { mayHaveArrived: false });
  const path = `/history/${encodeURIComponent(promptId)}`;
  const request: HttpRequest = { method: 'GET', path, maxBytes: MAX_ENTRY_BYTES, isPrivate: true };
  const answer = await requireJson(http, request, 'exact');
  if (!isJsonObject(answer)) throw malformed(request, undefined, 'not an object');
  if (!Object.hasOwn(answer, promptId)) return undefined;
  const entry = decodeHistoryEntry(answer[promptId]);
  if (!entry) throw malformed(request, undefined, 'not an entry');
  return entry;
}

/** Each entry holds a whole graph in ComfyUI's memory: forget it once its outputs are stored. */
export async function forgetHistory(http: Http, promptIds: readonly string[]): Promise<void> {
  if (promptIds.length > 0) await requireOk(http, postJson('/history', { delete: promptIds }));
}

export function decodeHistoryEntry(value: JsonValue | undefined): HistoryEntry | undefined {
  if (!isJsonObject(value)) return undefined;
  const status = readObject(value, 'status');
  const messages = (readArray(status, 'messages') ?? []).map(readMessage).filter((message) => message !== undefined);
  const statusStr = readString(status, 'status_str');
  const completed = readBoolean(status, 'completed') ?? false;
  return {
    status: { messages, statusStr, completed },
    outputs: new Map(Object.entries(readObject(value, 'outputs') ?? {})),
    terminal: judgeMessages(messages),
  };
}

function readMessage(value: JsonValue): HistoryMessage | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return undefined;
  return { type: value[0], data: isJsonObject(value[1]) ? value[1] : {} };
}

/** status_str lies after a failure in scheduling (it keeps the previous prompt's value); the last message does not. */
function judgeMessages(messages: HistoryMessage[]): Terminal {
  const last = messages.findLast((message) => !isBlockedNotice(message));
  const data = last?.data ?? {};
  switch (last?.type) {
    case 'execution_success':
      return { kind: 'success', data };
    case 'execution_error':
      return { kind: 'error', data, error: readExecutionError(data) };
    case 'execution_interrupted':
      return { kind: 'interrupted', data, nodeId: readId(data, 'node_id') };
    default:
      return { kind: 'unknown', data, lastType: last?.type };
  }
}

function isBlockedNotice({ type, data }: HistoryMessage): boolean {
  return type === 'execution_error' && !isTerminalError(readExecutionError(data));
}
