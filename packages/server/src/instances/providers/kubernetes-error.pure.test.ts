import { expect, test } from 'vitest';
import { isExpired, isPassing, pauseMs, readFailure } from './kubernetes-error.pure.ts';

const status = (reason: string, code: number, message = 'said') =>
  JSON.stringify({ kind: 'Status', status: 'Failure', reason, code, message });

test('an answer is read from its Status, whether the client has parsed it or not', () => {
  const expected = { code: 409, reason: 'AlreadyExists', message: 'said', retryAfterSeconds: undefined };
  expect(readFailure({ code: 409, body: status('AlreadyExists', 409), headers: {} })).toEqual(expected);
  expect(readFailure({ code: 409, body: JSON.parse(status('AlreadyExists', 409)), headers: {} })).toEqual(expected);
  expect(readFailure({ body: JSON.parse(status('AlreadyExists', 409)) })).toEqual(expected);
});

test('a proxy on the way may answer in its own words, and a connection not at all', () => {
  expect(readFailure({ code: 502, body: '<html>Bad gateway' })).toMatchObject({
    code: 502,
    message: '<html>Bad gateway',
  });
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  expect(readFailure(refused)).toMatchObject({ code: undefined, message: 'connect ECONNREFUSED' });
});

test.each([
  ['no answer', readFailure(new Error('reset')), true],
  ['too many calls', readFailure({ code: 429 }), true],
  ['a server that is starting', readFailure({ code: 503 }), true],
  ['a quota that another call changed', readFailure({ code: 409, body: status('Conflict', 409) }), true],
  ['a name that is taken', readFailure({ code: 409, body: status('AlreadyExists', 409) }), false],
  ['no permission', readFailure({ code: 403, body: status('Forbidden', 403) }), false],
  ['a bad Pod', readFailure({ code: 422, body: status('Invalid', 422) }), false],
])('%s passes: %#', (_name, failure, passes) => {
  expect(isPassing(failure)).toBe(passes);
});

test('410 is one by its status, and by its word in a stream', () => {
  expect(isExpired(readFailure({ statusCode: 410 }))).toBe(true);
  expect(isExpired(readFailure({ body: { reason: 'Expired' } }))).toBe(true);
  expect(isExpired(readFailure({ code: 404 }))).toBe(false);
});

test('pauses grow to a bound, and never come before the server wants to be asked again', () => {
  const failure = readFailure({ code: 500 });
  expect(pauseMs(failure, 1, 0)).toBeLessThan(pauseMs(failure, 3, 0));
  expect(pauseMs(failure, 50, 1)).toBe(10_000);
  expect(pauseMs(readFailure({ code: 429, headers: { 'retry-after': '2' } }), 1, 0)).toBe(2_000);
});
