// Which errors of the database pass by themselves.
import { expect, test } from 'vitest';
import { isConnectionLoss, isPassing } from './database-unavailable.ts';

const errorOf = (code: string) => Object.assign(new Error('could not extend file'), { code });

test.each(['53100', '53300', '57P01', '08006', 'ECONNRESET'])('%s passes: it is waited for', (code) => {
  expect(isConnectionLoss(errorOf(code))).toBe(true);
});

test.each(['23505', '22P02', '40001'])('%s is no loss of the connection', (code) => {
  expect(isConnectionLoss(errorOf(code))).toBe(false);
});

test.each(['40001', '40P01', '53200', '55P03', '58030'])('%s passes, while the server answers others', (code) => {
  expect([isPassing(errorOf(code)), isConnectionLoss(errorOf(code))]).toEqual([true, false]);
});

test.each(['23505', '22P02', '42P01', '57014'])('%s does not pass by itself', (code) => {
  expect(isPassing(errorOf(code))).toBe(false);
});
