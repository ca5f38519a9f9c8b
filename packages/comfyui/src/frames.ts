// Turns a websocket frame of ComfyUI into a value. The type is read off the frame's first bytes, so that a frame
// nobody needs (progress_state: the whole node map, many times per prompt) is not parsed at all.
// Never throws: what cannot be read is `malformed`, what is not known is `unknown`. A prompt id may be missing:
// after a reconnect, from custom nodes, and in previews of the old form (attribute those to the last `executing`).
import type { ExecutionError } from './execution-error.ts';
import { isTerminalError, readExecutionError } from './execution-error.ts';
import {
  readCount,
  readField,
  readId,
  readIds,
  readNumber,
  readObject,
  readString,
  tryParseFast,
  tryParseJson,
} from './fields.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { type NodeProgress, readNodeProgress } from './node-progress.ts';

type PromptId = string | undefined;

export type Frame =
  | { type: 'status'; queueRemaining: number | undefined; sid: string | undefined }
  | { type: 'feature_flags'; maxUploadBytes: number | undefined }
  | { type: 'execution_start'; promptId: PromptId; timestampMs: number | undefined }
  | { type: 'execution_cached'; promptId: PromptId; nodes: string[]; timestampMs: number | undefined }
  | { type: 'executing'; promptId: PromptId; nodeId: string; displayNodeId: string }
  /** `executing` without a node: the prompt is over and its history is written. */
  | { type: 'done'; promptId: PromptId }
  /** `output` may be null: a cached node without anything to show. */
  | { type: 'executed'; promptId: PromptId; nodeId: string; displayNodeId: string; output: JsonValue }
  | { type: 'progress'; promptId: PromptId; nodeId: string | undefined; value: number; max: number }
  | { type: 'progress_state'; promptId: PromptId; parse(): NodeProgress[] | Malformed }
  /** Comes before the history is written. */
  | { type: 'execution_success'; promptId: PromptId; timestampMs: number | undefined }
  /** Not terminal when a blocker inside the graph reports itself. */
  | { type: 'execution_error'; promptId: PromptId; isTerminal: boolean; error: ExecutionError }
  | { type: 'execution_interrupted'; promptId: PromptId; nodeId: string | undefined; timestampMs: number | undefined }
  | {
      type: 'preview';
      promptId: PromptId;
      nodeId: string | undefined;
      displayNodeId: string | undefined;
      contentType: string;
      image: Buffer;
    }
  | { type: 'text'; promptId: PromptId; nodeId: string; text: string }
  | { type: 'unknown'; name: string };

export interface Malformed {
  type: 'malformed';
  reason: string;
}

/** Written by python as `{"type": "executing", "data": …`; other writers leave the blanks out. */
const TYPE_PREFIX = /^\s*\{\s*"type"\s*:\s*"([^"\\]{1,128})"\s*[,}]/;
const PYTHON_PREFIX = '{"type": "';
const LONGEST_HEAD = 200;

/** The two that carry what a tenant gets to see are read exactly; the others' numbers end here. */
const EXACT_TYPES = new Set(['executed', 'execution_error']);
const FAST_TYPES = new Set([
  'status',
  'executing',
  'progress',
  'execution_start',
  'execution_cached',
  'execution_success',
  'execution_interrupted',
  'feature_flags',
]);

/** The type by the first bytes, or undefined when they look otherwise than any known writer's. */
export function peekType(frame: Buffer | string): string | undefined {
  return readType(readHead(frame));
}

function readHead(frame: Buffer | string): string {
  return typeof frame === 'string' ? frame.slice(0, LONGEST_HEAD) : frame.toString('latin1', 0, LONGEST_HEAD);
}

function readType(head: string): string | undefined {
  if (head.startsWith(PYTHON_PREFIX)) {
    const end = head.indexOf('"', PYTHON_PREFIX.length);
    const next = head.charCodeAt(end + 1);
    if (end > PYTHON_PREFIX.length && (next === 0x2c || next === 0x7d)) return head.slice(PYTHON_PREFIX.length, end);
  }
  return TYPE_PREFIX.exec(head)?.[1];
}

function toText(frame: Buffer | string): string {
  return typeof frame === 'string' ? frame : frame.toString('utf8');
}

export function decodeTextFrame(frame: Buffer | string): Frame | Malformed {
  const head = readHead(frame);
  const type = readType(head);
  if (type === 'progress_state') return decodeProgressState(frame, head);
  if (type !== undefined && !isKnown(type)) return unknown(type);
  const text = toText(frame);
  const message = type !== undefined && FAST_TYPES.has(type) ? tryParseFast(text) : tryParseJson(text);
  if (!isJsonObject(message)) return malformed('not a JSON object');
  const name = type ?? readString(message, 'type');
  if (name === undefined) return malformed('no type');
  const data = readField(message, 'data');
  if (!isJsonObject(data)) return isKnown(name) ? malformed(`${name}: no data`) : unknown(name);
  return decodeMessage(name, data);
}

function isKnown(type: string): boolean {
  return FAST_TYPES.has(type) || EXACT_TYPES.has(type) || type === 'progress_state';
}

function unknown(name: string): Frame {
  return { type: 'unknown', name: name.slice(0, LONGEST_HEAD) };
}

function malformed(reason: string): Malformed {
  return { type: 'malformed', reason };
}

function decodeMessage(type: string, data: JsonObject): Frame | Malformed {
  const promptId = readString(data, 'prompt_id');
  switch (type) {
    case 'status':
      return decodeStatus(data);
    case 'feature_flags':
      return { type, maxUploadBytes: readCount(data, 'max_upload_size') };
    case 'execution_start':
    case 'execution_success':
      return { type, promptId, timestampMs: readNumber(data, 'timestamp') };
    case 'execution_cached':
      return { type, promptId, nodes: readIds(data, 'nodes'), timestampMs: readNumber(data, 'timestamp') };
    case 'executing':
      return decodeExecuting(data, promptId);
    case 'executed':
      return decodeExecuted(data, promptId);
    case 'progress':
      return decodeProgress(data, promptId);
    case 'progress_state':
      return { type, promptId, parse: () => readNodeProgress(data) ?? malformed('progress_state: no nodes') };
    case 'execution_error': {
      const error = readExecutionError(data);
      return { type, promptId, isTerminal: isTerminalError(error), error };
    }
    case 'execution_interrupted':
      return { type, promptId, nodeId: readId(data, 'node_id'), timestampMs: readNumber(data, 'timestamp') };
    default:
      return unknown(type);
  }
}

function decodeStatus(data: JsonObject): Frame {
  const execInfo = readObject(readObject(data, 'status'), 'exec_info');
  return { type: 'status', queueRemaining: readCount(execInfo, 'queue_remaining'), sid: readString(data, 'sid') };
}

function decodeExecuting(data: JsonObject, promptId: PromptId): Frame | Malformed {
  if (readField(data, 'node') === null) return { type: 'done', promptId };
  const nodeId = readId(data, 'node');
  if (nodeId === undefined) return malformed('executing: no node');
  return { type: 'executing', promptId, nodeId, displayNodeId: readId(data, 'display_node') ?? nodeId };
}

function decodeExecuted(data: JsonObject, promptId: PromptId): Frame | Malformed {
  const nodeId = readId(data, 'node');
  if (nodeId === undefined) return malformed('executed: no node');
  const displayNodeId = readId(data, 'display_node') ?? nodeId;
  return { type: 'executed', promptId, nodeId, displayNodeId, output: readField(data, 'output') ?? null };
}

function decodeProgress(data: JsonObject, promptId: PromptId): Frame | Malformed {
  const value = readNumber(data, 'value');
  const max = readNumber(data, 'max');
  if (value === undefined || max === undefined) return malformed('progress: no numbers');
  return { type: 'progress', promptId, nodeId: readId(data, 'node'), value, max };
}

const PYTHON_PROGRESS_HEAD = '{"type": "progress_state", "data": {"prompt_id": "';
const PROGRESS_HEAD = /^\s*\{\s*"type"\s*:\s*"progress_state"\s*,\s*"data"\s*:\s*\{\s*"prompt_id"\s*:\s*"([^"]*)"/;
const PLAIN_ID = /^[\w.:-]{1,128}$/;

function readProgressId(head: string): string {
  if (!head.startsWith(PYTHON_PROGRESS_HEAD)) return PROGRESS_HEAD.exec(head)?.[1] ?? '';
  return head.slice(PYTHON_PROGRESS_HEAD.length, head.indexOf('"', PYTHON_PROGRESS_HEAD.length));
}

/** The id stands in the first bytes; the node map behind it is read when somebody asks. */
function decodeProgressState(frame: Buffer | string, head: string): Frame | Malformed {
  const parse = (): JsonObject | undefined => readObject(tryParseFast(toText(frame)), 'data');
  const promptId = readProgressId(head);
  if (PLAIN_ID.test(promptId)) {
    return { type: 'progress_state', promptId, parse: () => readNodeProgress(parse()) ?? malformed('no nodes') };
  }
  const data = parse();
  return data === undefined ? malformed('progress_state: no data') : decodeMessage('progress_state', data);
}

const PREVIEW_IMAGE = 1;
const TEXT = 3;
const PREVIEW_IMAGE_WITH_METADATA = 4;

/** Big-endian u32 event, then what the event says. */
export function decodeBinaryFrame(frame: Buffer): Frame | Malformed {
  if (frame.length < 4) return malformed('binary: no event number');
  const event = frame.readUInt32BE(0);
  switch (event) {
    case PREVIEW_IMAGE:
      return decodePreview(frame);
    case TEXT:
      return decodeText(frame);
    case PREVIEW_IMAGE_WITH_METADATA:
      return decodePreviewWithMetadata(frame);
    default:
      return unknown(`binary ${event}`);
  }
}

function decodePreview(frame: Buffer): Frame | Malformed {
  if (frame.length <= 8) return malformed('preview: no image');
  const image = frame.subarray(8);
  const contentType = frame.readUInt32BE(4) === 2 ? 'image/png' : 'image/jpeg';
  return { type: 'preview', promptId: undefined, nodeId: undefined, displayNodeId: undefined, contentType, image };
}

/** The part of a frame that says its own length, and what follows it. */
function splitCounted(frame: Buffer): { counted: Buffer; rest: Buffer } | undefined {
  if (frame.length < 8) return undefined;
  const end = 8 + frame.readUInt32BE(4);
  return end <= frame.length ? { counted: frame.subarray(8, end), rest: frame.subarray(end) } : undefined;
}

function decodeText(frame: Buffer): Frame | Malformed {
  const parts = splitCounted(frame);
  if (!parts) return malformed('text: shorter than it says');
  const nodeId = parts.counted.toString('utf8');
  return { type: 'text', promptId: undefined, nodeId, text: parts.rest.toString('utf8') };
}

function decodePreviewWithMetadata(frame: Buffer): Frame | Malformed {
  const parts = splitCounted(frame);
  if (!parts) return malformed('preview: shorter than it says');
  const metadata = tryParseFast(parts.counted.toString('utf8'));
  if (!isJsonObject(metadata)) return malformed('preview: its metadata is not an object');
  if (parts.rest.length === 0) return malformed('preview: no image');
  const nodeId = readId(metadata, 'node_id');
  return {
    type: 'preview',
    promptId: readString(metadata, 'prompt_id'),
    nodeId,
    displayNodeId: readId(metadata, 'display_node_id') ?? nodeId,
    // A hostile server must not choose what we call its bytes.
    contentType: readString(metadata, 'image_type') === 'image/png' ? 'image/png' : 'image/jpeg',
    image: parts.rest,
  };
}
