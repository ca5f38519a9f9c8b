// The errors of the OpenAPI document: one reply for each HTTP status a route can fail with, naming its codes, with an
// example of each.
import { errorBody } from './api-error.ts';
import { ERROR_CODES } from './error-codes.ts';
import { ERRORS, type ErrorCode } from './errors.ts';

type JsonObject = Record<string, unknown>;

const HEADER_SAYS = {
  Allow: 'The methods the route takes.',
  'Retry-After': 'Seconds to wait before calling again.',
  'WWW-Authenticate': 'Always `Bearer`.',
} as const;

/** The replies of a route that can fail with these codes. HEAD has no body. */
export function errorResponses(codes: readonly ErrorCode[], { hasBody }: { hasBody: boolean }): JsonObject {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERRORS[code];
    if (status !== undefined) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [String(status), errorResponse(these, { hasBody })]),
  );
}

function errorResponse(codes: readonly ErrorCode[], { hasBody }: { hasBody: boolean }): JsonObject {
  const headers = codes.flatMap((code) => ERRORS[code].header ?? []);
  return {
    description: codes.map((code) => `${code} ${ERRORS[code].name}: ${ERRORS[code].title}.`).join('\n\n'),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers.map((name) => [name, headerSays(name)])) }),
    ...(hasBody ? { content: errorContent(codes) } : {}),
  };
}

function headerSays(name: keyof typeof HEADER_SAYS): JsonObject {
  return { description: HEADER_SAYS[name], schema: { type: 'string' } };
}

function errorContent(codes: readonly ErrorCode[]): JsonObject {
  const examples = codes.map((code) => [ERRORS[code].name, { $ref: `#/components/examples/${ERRORS[code].name}` }]);
  return {
    'application/json': { schema: { $ref: '#/components/schemas/Error' }, examples: Object.fromEntries(examples) },
  };
}

/** An example body of every code that is an HTTP error. */
export function errorComponents(): { examples: JsonObject } {
  const codes = ERROR_CODES.filter((code) => ERRORS[code].reportedIn.includes('body'));
  return { examples: Object.fromEntries(codes.map((code) => [ERRORS[code].name, example(code)])) };
}

function example(code: ErrorCode): JsonObject {
  return { summary: ERRORS[code].title, value: exampleErrorBody(code) };
}

/** A body as the service sends it, for the OpenAPI document and the reference page. */
export function exampleErrorBody(code: ErrorCode): ReturnType<typeof errorBody> {
  const loc = ['body', 'overrides', '6', 'inputs', 'steps'];
  const msg = 'overrides.6.inputs.steps must be at least 1; it is 0.';
  const detail = [{ loc, msg, type: 'value_smaller_than_min', input: 0 }];
  const requestId = '4f7d6a0e-5b8e-4c55-9d7e-6f3a1f0c2b91';
  return ERRORS[code].hasDetail === true
    ? errorBody({ code, message: msg, detail, requestId })
    : errorBody({ code, requestId });
}
