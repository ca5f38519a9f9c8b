// What an answer of the API server that is none of the 200s means, in its own words. Pure; asked by kubernetes-api.ts and
// kubernetes.ts.

export interface ApiFailure {
  /** HTTP status; undefined where there was no answer at all. */
  readonly code: number | undefined;
  /** Kubernetes' word for the cause: AlreadyExists, Forbidden, Expired … */
  readonly reason: string | undefined;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
}

/** A thrown thing of the client library: an answer with a Status object, or a connection that failed. */
export function readFailure(error: unknown): ApiFailure {
  if (!isRecord(error))
    return { code: undefined, reason: undefined, message: String(error), retryAfterSeconds: undefined };
  const status = readStatus(error['body']);
  const code = [error['code'], error['statusCode'], status['code']].find((value) => typeof value === 'number');
  const { headers } = error;
  const after = Number(isRecord(headers) ? headers['retry-after'] : Number.NaN);
  return {
    code: typeof code === 'number' ? code : undefined,
    reason: textOf(status['reason']),
    message: textOf(status['message']) ?? textOf(error['message']) ?? 'no reason given',
    retryAfterSeconds: Number.isFinite(after) ? after : undefined,
  };
}

/** Whether the same call may well succeed in a moment. A conflict is one when a quota was changed by another meanwhile. */
export function isPassing({ code, reason }: ApiFailure): boolean {
  if (code === undefined || code === 429 || code >= 500) return true;
  return code === 409 && reason !== 'AlreadyExists';
}

/** Whether the list that a watch went on from is too old. */
export function isExpired({ code, reason }: ApiFailure): boolean {
  return code === 410 || reason === 'Expired' || reason === 'Gone';
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const LONGEST_ASKED_MS = 30_000;

/** The pause before try number `tries + 1`; `random` from 0 to 1 keeps many clients from coming back together. */
export function pauseMs(failure: ApiFailure, tries: number, random: number): number {
  if (failure.retryAfterSeconds !== undefined) {
    return Math.min(failure.retryAfterSeconds * 1000, LONGEST_ASKED_MS) + random * FIRST_PAUSE_MS;
  }
  return Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS) * (0.5 + random / 2);
}

/** Who asks may not, whatever is asked for. */
export function isPermission({ code, message }: ApiFailure): boolean {
  return code === 403 && / cannot \w+ resource /.test(message);
}

/** Why a Pod cannot be asked for, with what there is to do. */
export function explainRefusal(failure: ApiFailure, namespace: string): string {
  const { code, message } = failure;
  if (code === undefined) return `the Kubernetes API does not answer: ${message}`;
  if (code === 401) return `the Kubernetes API does not know who asks (401): ${message}`;
  if (code === 403 && /exceeded quota/.test(message))
    return `the quota of namespace ${namespace} is used up: ${message}`;
  if (code === 403 && /violates PodSecurity/.test(message)) {
    return `namespace ${namespace} does not admit the Pod: ${message} (run_as_non_root and run_as_user of the hardware's settings may help)`;
  }
  if (isPermission(failure)) return `the Kubernetes API forbids it: ${message}`;
  // Limits, a class or a service account that is not there, a policy of the cluster.
  if (code === 403) return `namespace ${namespace} does not admit the Pod: ${message}`;
  if (code === 404) return `there is no namespace ${namespace}: ${message}`;
  if (code === 422) return `the Kubernetes API finds the Pod invalid: ${message}`;
  return `the Kubernetes API refused (${code}): ${message}`;
}

function readStatus(body: unknown): Record<string, unknown> {
  if (typeof body !== 'string') return isRecord(body) ? body : {};
  try {
    const parsed: unknown = JSON.parse(body);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return body === '' ? {} : { message: body.slice(0, 500) }; // a proxy on the way answers in its own words
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
