import { expect, test } from 'vitest';
import { ApiError, errorBody, httpStatus, resultError, validationError } from './api-error.ts';
import { ERRORS } from './errors.ts';

test('an error body has the number and the text under both names, and the hint of the catalogue', () => {
  expect(errorBody({ code: 404001, message: 'There is no deployment d1.', requestId: 'r1' })).toEqual({
    error_code: 404001,
    error: 'NotFound',
    error_message: 'There is no deployment d1.',
    message: 'There is no deployment d1.',
    code: 404001,
    hint: ERRORS[404001].hint,
    request_id: 'r1',
  });
});

test('keys with nothing to say are left out, not null', () => {
  const body = errorBody({ code: 500001, message: undefined, detail: undefined, hint: undefined, requestId: 'r1' });
  expect('detail' in body).toBe(false);
  expect(body.message).toBe(ERRORS[500001].message);
  expect('detail' in errorBody({ code: 422001, detail: [], requestId: 'r1' })).toBe(false);
});

test('the keys come in the order of the contract', () => {
  const detail = [{ loc: ['body'], msg: 'm', type: 't' }];
  const keys = ['error_code', 'error', 'error_message', 'message', 'code', 'detail', 'hint', 'request_id'];
  expect(Object.keys(errorBody({ code: 422001, detail, hint: 'h', requestId: 'r' }))).toEqual(keys);
});

test('a problem is written with the four keys of the contract and can always be made JSON', () => {
  const graphProblem = { loc: ['body', 6], msg: 'm', type: 't', input: { seed: 2n ** 63n }, nearest: ['a'] };
  const { detail } = errorBody({ code: 422001, detail: [graphProblem], requestId: 'r' });
  expect(JSON.parse(JSON.stringify(detail))).toEqual([
    { loc: ['body', 6], msg: 'm', type: 't', input: '{"seed":9223372036854775808}' },
  ]);
});

test('a huge input is not sent back', () => {
  const input = { text: 'x'.repeat(5_000_000) };
  const body = errorBody({ code: 422001, detail: [{ loc: ['body'], msg: 'm', type: 't', input }], requestId: 'r' });
  expect(JSON.stringify(body).length).toBeLessThan(1_000);
});

test('an entry of a result has four keys, all strings but the code, and never an empty debugInfo', () => {
  expect(resultError(10011, 'Node 3 raised.', 'trace')).toEqual({
    error: 'ComfyUIExecutionError',
    errorCode: 10011,
    details: 'Node 3 raised.',
    debugInfo: 'trace',
  });
  expect(resultError(10012)).toEqual({
    error: 'ComfyUIRequestMissing',
    errorCode: 10012,
    details: ERRORS[10012].message,
    debugInfo: ERRORS[10012].message,
  });
});

test('an ApiError knows its status, its default message and its cause', () => {
  const cause = new Error('socket');
  const error = new ApiError(503001, undefined, { cause, headers: { 'retry-after': '1' } });
  expect(error).toMatchObject({ code: 503001, status: 503, message: ERRORS[503001].message, cause });
  expect(error).toMatchObject({ headers: { 'retry-after': '1' } });
  expect(error.detail).toBeUndefined();
});

test('a code that only results carry would be a 500 over HTTP', () => {
  expect(httpStatus(10011)).toBe(500);
  expect(httpStatus(10001)).toBe(402);
});

test('the message of a validation error is its first problem and how many more there are', () => {
  const problem = (msg: string) => ({ loc: ['body'], msg, type: 't' });
  expect(validationError([problem('a is missing.')]).message).toBe('a is missing.');
  expect(validationError([problem('a.'), problem('b.')]).message).toBe('a. (and 1 more problem, see "detail")');
  expect(validationError([problem('a.'), problem('b.'), problem('c.')]).message).toContain('2 more problems');
  expect(validationError([]).message).toBe(ERRORS[422001].message);
});
