// How an error of the catalogue is raised and written: the exception a use case throws, the HTTP body, and the entry of
// a result's `error` array. Only the HTTP layer's send-error turns an ApiError into a body.
import { ERRORS, type ErrorCode, type ErrorName } from './errors.ts';
import { cut, echo, type Problem } from './problems.ts';

export interface ApiErrorOptions {
  detail?: Problem[];
  hint?: string;
  headers?: Record<string, string>;
  cause?: unknown;
}

/**
 * A call that is answered with an error of the catalogue.
 * @example throw new ApiError(404001, `There is no deployment ${id}.`);
 */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail?: Problem[];
  readonly hint?: string;
  readonly headers?: Record<string, string>;

  constructor(code: ErrorCode, message: string = ERRORS[code].message, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = httpStatus(code);
    if (options.detail !== undefined) this.detail = options.detail;
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.headers !== undefined) this.headers = options.headers;
  }
}

const MAX_PROBLEMS = 1_000;
const MAX_NAME_CHARACTERS = 300;
const MAX_MESSAGE_CHARACTERS = 2_000;

/** Names and values in a problem are the caller's own and may be as long as a body. */
function bound(problem: Problem): Problem {
  const loc = problem.loc.map((part) => (typeof part === 'string' ? cut(part, MAX_NAME_CHARACTERS) : part));
  return { ...problem, loc, msg: cut(problem.msg, MAX_MESSAGE_CHARACTERS) };
}

/**
 * A 422001 of these problems. Its message is the first problem's, for clients that show only the message.
 * @example if (problems.length > 0) throw validationError(problems);
 */
export function validationError(problems: Problem[]): ApiError {
  const first = problems[0];
  if (first === undefined) return new ApiError(422001);
  const shown = cut(first.msg, MAX_MESSAGE_CHARACTERS);
  const more = problems.length - 1;
  // A body of ten thousand faults is answered with the first: nobody reads the rest, and writing it stalls other calls.
  const message =
    more === 0 ? shown : `${shown} (and ${more} more ${more === 1 ? 'problem' : 'problems'}, see "detail")`;
  return new ApiError(422001, message, { detail: problems.slice(0, MAX_PROBLEMS).map(bound) });
}

/** The status of an HTTP error with this code. A code that only results carry has no business here and becomes a 500. */
export function httpStatus(code: ErrorCode): number {
  return ERRORS[code].status ?? 500;
}

export interface ErrorBody {
  error_code: ErrorCode;
  error: ErrorName;
  error_message: string;
  message: string;
  code: ErrorCode;
  detail?: Problem[];
  hint?: string;
  request_id: string;
}

export interface ErrorBodyInput {
  code: ErrorCode;
  message?: string | undefined;
  detail?: Problem[] | undefined;
  hint?: string | undefined;
  requestId: string;
}

/** The body of an HTTP error. The number and the text come twice because clients read either name. */
export function errorBody({ code, message, detail, hint, requestId }: ErrorBodyInput): ErrorBody {
  const entry = ERRORS[code];
  const text = message || entry.message;
  const body = { error_code: code, error: entry.name, error_message: text, message: text, code };
  const withDetail = detail === undefined || detail.length === 0 ? body : { ...body, detail: detail.map(wireProblem) };
  return { ...withDetail, hint: hint || entry.hint, request_id: requestId };
}

/** Exactly the keys of the contract; the value shortened, and written so that JSON.stringify cannot fail on it. */
function wireProblem({ loc, msg, type, input }: Problem): Problem {
  return input === undefined ? { loc, msg, type } : { loc, msg, type, input: echo(input) };
}

export interface ResultErrorEntry {
  error: ErrorName;
  errorCode: ErrorCode;
  details: string;
  debugInfo: string;
}

/** An entry of a result's `error` array: four keys, all strings but the code, because strict clients decode them so. */
export function resultError(code: ErrorCode, details: string = ERRORS[code].message, debugInfo = ''): ResultErrorEntry {
  // Some clients show only one of the two: an empty one would leave their users without a reason.
  return { error: ERRORS[code].name, errorCode: code, details, debugInfo: debugInfo === '' ? details : debugInfo };
}
