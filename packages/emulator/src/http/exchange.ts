// One HTTP request and its answer, as the routes see them, and the bodies aiohttp answers its own failures with.
// Made by http-server.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type JsonValue, parseJson } from '@comfleet/comfyui';
import { dumps } from '../python/dumps.pure.ts';
import { MAX_UPLOAD_BYTES } from '../server-features.ts';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Without the /api prefix, percent-decoded by the router where it takes parts of it. */
  path: string;
  query: URLSearchParams;
}

/** Answered as aiohttp would: its status and a short text. */
export class HttpFailure extends Error {
  readonly status: number;

  constructor(status: number, text: string, options: ErrorOptions = {}) {
    super(text, options);
    this.status = status;
  }
}

/** What ComfyUI answers when its own code raises; the cause is not told. */
export function serverError(cause?: unknown): HttpFailure {
  return new HttpFailure(500, '500 Internal Server Error\n\nServer got itself in trouble', { cause });
}

const JSON_TYPE = 'application/json; charset=utf-8';

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  sendJsonText(response, dumps(value), status);
}

export function sendJsonText(response: ServerResponse, text: string, status = 200): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { 'Content-Type': JSON_TYPE, 'Content-Length': bytes.length });
  response.end(bytes);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': bytes.length });
  response.end(bytes);
}

/** aiohttp's `web.Response(status=…)` without a body. */
export function sendEmpty(response: ServerResponse, status = 200): void {
  response.writeHead(status, { 'Content-Length': 0 });
  response.end();
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request) {
    sizeBytes += (part as Buffer).length;
    if (sizeBytes > MAX_UPLOAD_BYTES) {
      throw new HttpFailure(413, `Maximum request body size ${MAX_UPLOAD_BYTES} exceeded.`);
    }
    parts.push(part as Buffer);
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** Malformed JSON is an uncaught exception in most of ComfyUI's routes: 500. */
export async function readJsonBody(request: IncomingMessage): Promise<JsonValue> {
  const body = await readBody(request);
  try {
    return parseJson(body.toString());
  } catch (cause) {
    throw serverError(cause);
  }
}
