import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatInstant } from './timestamps.ts';

const FORM = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;

test('an instant has six digits and a numeric offset', () => {
  expect(formatInstant(Date.UTC(2026, 0, 2, 3, 4, 5, 123), 456)).toBe('2026-01-02T03:04:05.123456+00:00');
  expect(formatInstant(new Date(Date.UTC(2026, 0, 2, 3, 4, 5)))).toBe('2026-01-02T03:04:05.000000+00:00');
});

test('the fraction of a millisecond is microseconds', () => {
  expect(formatInstant(Date.UTC(2026, 0, 2, 3, 4, 5, 123) + 0.25)).toBe('2026-01-02T03:04:05.123250+00:00');
  expect(formatInstant(-0.5)).toBe('1969-12-31T23:59:59.999500+00:00');
});

test('every instant has the form, is the same instant when read again, and sorts as text', () => {
  const instants = fc.double({ min: 0, max: 4e12, noNaN: true });
  fc.assert(
    fc.property(instants, instants, (a, b) => {
      expect(formatInstant(a)).toMatch(FORM);
      expect(Date.parse(formatInstant(a))).toBe(Math.floor(a));
      if (a <= b) expect(formatInstant(a) <= formatInstant(b)).toBe(true);
    }),
  );
});
