// Judges a whole HTTP answer: the expected status, under its cap, and JSON where JSON is due; else a ComfyError.
// Every call of the client except submit (which has verdicts of its own) goes through here.
import { ComfyError, type ComfyErrorDetails } from './comfy-error.ts';
import { tryParseFast, tryParseJson } from './fields.ts';
import type { Http, HttpRequest } from './http.ts';
import type { JsonValue } from './json.ts';
import type { HttpReply } from './receive.ts';

const BODY_HEAD_BYTES = 500;

export function bodyHead(reply: HttpReply): string {
  return reply.body.subarray(0, BODY_HEAD_BYTES).toString('utf8');
}

function nameOf(request: HttpRequest): string {
  return `${request.method} ${request.path.split('?')[0]}`;
}

function describe(request: HttpRequest, reply: HttpReply): ComfyErrorDetails {
  return request.isPrivate ? { status: reply.status } : { status: reply.status, bodyHead: bodyHead(reply) };
}

/** @throws ComfyError unless the answer is a complete 200. */
export async function requireOk(http: Http, request: HttpRequest): Promise<HttpReply> {
  const reply = await http.send(request);
  const details = describe(request, reply);
  if (reply.status !== 200) throw new ComfyError('status', `${nameOf(request)}: status ${reply.status}`, details);
  if (reply.isCut) throw new ComfyError('too_large', `${nameOf(request)}: the answer exceeds its cap`, details);
  return reply;
}

/** `exact` keeps 1.0 and big integers as they were written; `fast` is for answers whose numbers end with us. */
export async function requireJson(http: Http, request: HttpRequest, mode: 'exact' | 'fast'): Promise<JsonValue> {
  const reply = await requireOk(http, request);
  const text = reply.body.toString('utf8');
  const value = mode === 'exact' ? tryParseJson(text) : tryParseFast(text);
  if (value === undefined) throw malformed(request, reply, 'not JSON');
  return value;
}

export function malformed(request: HttpRequest, reply: HttpReply | undefined, why: string): ComfyError {
  const details = reply === undefined ? { status: 200 } : describe(request, reply);
  return new ComfyError('malformed', `${nameOf(request)}: ${why}`, details);
}

export function postJson(path: string, value: unknown): HttpRequest {
  return { method: 'POST', path, body: JSON.stringify(value), contentType: 'application/json' };
}
