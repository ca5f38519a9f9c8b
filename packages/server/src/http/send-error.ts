// The only file that turns an error into a body. Used by http/server.ts for everything that a route throws.
import { ApiError, errorBody } from '@comfleet/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseUnavailable, isFull } from '../db/database-unavailable.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { noteErrorCode } from './trace-server.ts';

interface Deps {
  readonly log: Log;
  readonly errorStatus: 'real' | '200';
  readonly bodyLimitBytes: number;
}

export function createErrorSender(deps: Deps) {
  return function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
    const known = toApiError(error, deps.bodyLimitBytes);
    const requestId = request.id;
    // These say that the log knows more.
    if (known.status === 500)
      deps.log.error(
        { requestId, url: routeOf(request), ...describeError(known.cause ?? error) },
        'a call failed unexpectedly',
      );
    const { code, message, detail, hint } = known;
    noteErrorCode(request, code);
    if (request.routeOptions.url?.endsWith('/inference')) metrics.submitted(String(code));
    const isOldHabit = deps.errorStatus === '200';
    // The strict client of rule 17 looks for these two keys in a 200, and takes no third.
    const isBrief = isOldHabit && request.headers.accept === 'application/json; charset=UTF-8';
    const body = isBrief
      ? { error_code: code, error_message: message }
      : errorBody({ code, message, detail, hint, requestId });
    return reply
      .code(isOldHabit ? 200 : known.status)
      .headers({ ...standardHeaders(known), ...known.headers })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(body));
  };
}

// The path alone: a query may hold a webhook's address with a key in it.
function routeOf(request: FastifyRequest): string {
  return `${request.method} ${request.routeOptions.url ?? request.url.split('?')[0]}`;
}

function standardHeaders(error: ApiError): Record<string, string> {
  if (error.status === 401) return { 'www-authenticate': 'Bearer' };
  return error.status === 503 || error.status === 429 ? { 'retry-after': '1' } : {};
}

function toApiError(error: unknown, bodyLimitBytes: number): ApiError {
  if (error instanceof ApiError) return error;
  if (isDatabaseUnavailable(error)) {
    const why = isFull(error.cause) ? 'has no room left on its disk' : 'cannot be reached at the moment';
    return new ApiError(503001, `The database ${why}; nothing was accepted.`, { cause: error });
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const message = `The body is larger than this server accepts (${bodyLimitBytes} bytes).`;
    return new ApiError(413001, message);
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500) {
    const message = error instanceof Error ? error.message : 'The call is not valid.';
    return new ApiError(422001, message, { detail: [{ loc: ['path'], msg: message, type: 'invalid' }] });
  }
  return new ApiError(500001, 'Something unexpected went wrong; the log line with this request_id says what.', {
    cause: error,
  });
}
