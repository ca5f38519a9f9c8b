// The one error that calls to a ComfyUI throw, and the map from socket, DNS and undici errors to its kinds.
// Every file of the client uses it; whoever calls the client switches on `kind`.

import { errors } from 'undici';

export type ComfyErrorKind =
  | 'refused' // nothing listens there, or no route to it
  | 'dns' // the host name has no address
  | 'tls' // the certificate or the handshake failed
  | 'timeout' // connecting, the first byte, the next byte or the whole answer took too long
  | 'reset' // the connection broke
  | 'aborted' // the caller's signal said so
  | 'closed' // the client was closed
  | 'status' // an HTTP status that is not the one expected; see `status`
  | 'malformed' // an answer that is not what ComfyUI sends
  | 'too_large' // an answer beyond its cap
  | 'source' // the stream to be uploaded failed, or had another length than promised
  | 'argument'; // the call itself makes no sense (an empty id, a name with path parts)

export interface ComfyErrorDetails {
  cause?: unknown;
  /** The HTTP status, for `status` and for malformed answers. */
  status?: number;
  /** The first characters of the answer, for logs; never for callers outside. */
  bodyHead?: string;
  /** Whether any byte of the request may have left: false means that ComfyUI surely did not see it. */
  mayHaveArrived?: boolean;
}

export class ComfyError extends Error {
  override readonly name = 'ComfyError';
  readonly kind: ComfyErrorKind;
  readonly status: number | undefined;
  readonly bodyHead: string | undefined;
  readonly mayHaveArrived: boolean;

  constructor(kind: ComfyErrorKind, message: string, details: ComfyErrorDetails = {}) {
    super(`[comfyui] ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.status = details.status;
    this.bodyHead = details.bodyHead;
    this.mayHaveArrived = details.mayHaveArrived ?? true;
  }
}

const KIND_BY_CODE = new Map<string, ComfyErrorKind>([
  ['ECONNREFUSED', 'refused'],
  ['EHOSTUNREACH', 'refused'],
  ['ENETUNREACH', 'refused'],
  ['EHOSTDOWN', 'refused'],
  ['ENOTFOUND', 'dns'],
  ['EAI_AGAIN', 'dns'],
  ['EAI_FAIL', 'dns'],
  ['EAI_NODATA', 'dns'],
  ['ETIMEDOUT', 'timeout'],
  ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
  ['UND_ERR_ABORTED', 'aborted'],
  ['ABORT_ERR', 'aborted'],
  ['UND_ERR_DESTROYED', 'closed'],
  ['UND_ERR_CLOSED', 'closed'],
  ['UND_ERR_HEADERS_OVERFLOW', 'malformed'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'malformed'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'source'],
]);

const TLS_CODE = /^ERR_(TLS|SSL)_|CERT|^UNABLE_TO_(VERIFY|GET)|^EPROTO$/;

/** The code of an error or of the first cause that has one (of several addresses, the first). */
function findCode(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 5) return '';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code !== '' && code !== 'UND_ERR_SOCKET') return code;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return findCode(inner, depth + 1) || code;
}

function kindOf(error: unknown): ComfyErrorKind {
  const code = findCode(error);
  const known = KIND_BY_CODE.get(code);
  if (known) return known;
  // What came back is not HTTP.
  if (error instanceof errors.HTTPParserError) return 'malformed';
  if (TLS_CODE.test(code)) return 'tls';
  if (error instanceof Error && error.name === 'AbortError') return 'aborted';
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  return 'reset';
}

/** Wraps whatever a call or a response stream failed with; a ComfyError passes unchanged. */
export function toComfyError(error: unknown, what: string, mayHaveArrived = true): ComfyError {
  if (error instanceof ComfyError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new ComfyError(kindOf(error), `${what}: ${text || findCode(error)}`, { cause: error, mayHaveArrived });
}
