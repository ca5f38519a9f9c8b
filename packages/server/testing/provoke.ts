// What a test needs to provoke every error of the catalogue by its real cause, and how the calls are written down for the
// reference page. Used by every-code.test.ts.
import type { ErrorCode } from '@comfleet/api';
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import type { CallOptions, Reply } from './caller.ts';
import type { TestApp } from './create-test-app.ts';

export const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
export const NO_ID = '00000000-0000-4000-8000-000000000000';

/** An error in the body of an HTTP reply, or in a result (a webhook's, where no poll can see it). */
export interface Capture {
  readonly call: string;
  /** Of the call, beside the token. */
  readonly sent?: Readonly<Record<string, string>>;
  readonly body?: JsonValue;
  readonly reply?: Reply;
  readonly result?: JsonObject;
  readonly webhook?: JsonObject;
}

export interface Provocation {
  readonly body?: () => Promise<Capture>;
  readonly result?: () => Promise<Capture>;
}

export type EveryCode = Readonly<Record<ErrorCode, Provocation>>;

/** Calls, and keeps what was said. */
export async function capture(app: TestApp, path: string, options: CallOptions = {}): Promise<Capture> {
  const reply = await app.call(path, options);
  const { method = 'GET', body, headers } = options;
  const isShown = body !== undefined && typeof body === 'object' && !Buffer.isBuffer(body);
  const shown = { ...(headers ? { sent: headers } : {}), ...(isShown ? { body } : {}) };
  return { call: `${method} /prod/v2${path}`, ...shown, reply };
}

/** Runs to its end; the polls on the way were never an HTTP error. */
export async function captureRun(app: TestApp, deploymentId: string, body: JsonObject = {}): Promise<Capture> {
  const requestId = await app.submit(deploymentId, body);
  return await captureEnd(app, deploymentId, requestId);
}

export async function captureEnd(app: TestApp, deploymentId: string, requestId: string): Promise<Capture> {
  const result = await app.untilEnded(deploymentId, requestId);
  const status = await app.status(deploymentId, requestId);
  if (status.body['status'] !== 'completed') throw new Error(`the status is ${status.text}`);
  return { call: `GET /prod/v2/deployments/${deploymentId}/requests/${requestId}/result`, result };
}

export interface Example {
  readonly code: number;
  /** The simulator was asked for it: no call makes this happen. */
  readonly isSimulated: boolean;
  readonly call: string;
  readonly sent?: Readonly<Record<string, string>>;
  readonly body?: JsonValue;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body of an error, a result, or a webhook's body. */
  readonly kind: 'error' | 'result' | 'webhook';
  readonly answer: JsonValue;
}

const SHOWN_HEADERS = ['www-authenticate', 'retry-after', 'allow'];

/** With ids, times and addresses that are the same whenever it is captured. */
export function toExample(code: ErrorCode, made: Capture, isSimulated: boolean): Example {
  const { reply, result, webhook } = made;
  const headers = SHOWN_HEADERS.flatMap((name) => {
    const value = reply?.headers.get(name);
    return value === undefined || value === null ? [] : [[name, value] as const];
  });
  const told = reply
    ? { status: reply.status, ...(headers.length > 0 ? { headers: Object.fromEntries(headers) } : {}) }
    : {};
  const example: Example = {
    code,
    isSimulated,
    call: made.call,
    ...(made.sent === undefined ? {} : { sent: made.sent }),
    ...(made.body === undefined ? {} : { body: made.body }),
    ...told,
    kind: reply ? 'error' : webhook ? 'webhook' : 'result',
    answer: reply?.body ?? webhook ?? result ?? null,
  };
  return JSON.parse(steady(JSON.stringify(example))) as Example;
}

function steady(text: string): string {
  const ids = new Map<string, string>();
  const rename = (id: string) => {
    const known = ids.get(id) ?? `0198f3a2-0000-7000-8000-${String(ids.size + 1).padStart(12, '0')}`;
    ids.set(id, known);
    return known;
  };
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, rename)
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00/g, '2026-01-02T03:04:05.123456+00:00')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-01-02T03:04:05.123Z')
    .replace(/(?:127\.0\.0\.1|localhost):\d+/g, '127.0.0.1:8188')
    .replace(/ComfyUI_temp_[a-z]{5}_/g, 'ComfyUI_temp_abcde_')
    .replace(/it waited [\d.]+ s/g, 'it waited 0.5 s');
}
