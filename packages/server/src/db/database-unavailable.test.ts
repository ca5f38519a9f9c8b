// Which errors of the database pass by themselves.
import { expect, test } from 'vitest';
import { isConnectionLoss } from './database-unavailable.ts';

const errorOf = (code: string) => Object.assign(new Error('could not extend file'), { code });

test.each(['53100', '53300', '57P01', '08006', 'ECONNRESET'])('%s passes: it is waited for', (code) => {
  expect(isConnectionLoss(errorOf(code))).toBe(true);
});

test.each(['23505', '22P02', '40001'])("%s is the statement's own fault", (code) => {
  expect(isConnectionLoss(errorOf(code))).toBe(false);
});
