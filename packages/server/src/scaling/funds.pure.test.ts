// Whether instances that no request waits for may start.
import { expect, it } from 'vitest';
import {
  type Funds,
  forgetRefusal,
  limitToPayable,
  noteAnswer,
  noteAsked,
  noteFailure,
  UNASKED,
  UNFUNDED,
} from './funds.pure.ts';

const NOW = 1_000_000;
const limit = (funds: Funds | undefined, now = NOW, forRequests = 1) =>
  limitToPayable(funds, { count: 3, forRequests }, now);

it('where nobody has to pay, and while an account is known to be able to, all start', () => {
  const all = { count: 3, because: undefined, asksFunds: false, checkAt: undefined };
  expect(limit(undefined)).toEqual(all);
  expect(limit(noteAnswer(true, NOW), NOW + 29_999)).toEqual(all);
  expect(limit(noteAnswer(true, NOW), NOW + 30_000)).toMatchObject({ count: 1, asksFunds: true });
  const askedAgain = noteAsked(noteAnswer(true, NOW), NOW + 30_000);
  expect(limit(askedAgain, NOW + 30_001)).toMatchObject({ count: 1, asksFunds: false });
});

it('what requests wait for starts without a question', () => {
  expect(limit(UNASKED, NOW, 3)).toMatchObject({ count: 3, because: undefined, asksFunds: false });
  expect(limit(noteAnswer(false, NOW), NOW, 5)).toMatchObject({ count: 3, because: undefined, asksFunds: false });
});

it('the account is asked once, and once more where no answer comes', () => {
  const because = 'whether the account can pay is being asked';
  expect(limit(UNASKED)).toEqual({ count: 1, because, asksFunds: true, checkAt: NOW + 30_000 });
  const asked = noteAsked(UNASKED, NOW);
  expect(limit(asked, NOW + 1)).toEqual({ count: 1, because, asksFunds: false, checkAt: NOW + 30_000 });
  expect(limit(asked, NOW + 30_000)).toMatchObject({ because, asksFunds: true });
});

it('an account that cannot pay is asked again half a minute later, or once somebody may have paid', () => {
  const short = noteAnswer(false, NOW);
  expect(limit(short)).toEqual({ count: 1, because: UNFUNDED, asksFunds: false, checkAt: NOW + 30_000 });
  expect(limit(short, NOW + 30_000)).toMatchObject({ because: UNFUNDED, asksFunds: true });
  expect(limit(noteAsked(short, NOW + 30_000), NOW + 30_001)).toMatchObject({ because: UNFUNDED, asksFunds: false });
  expect(limit(forgetRefusal(short))).toMatchObject({ asksFunds: true });
  expect(forgetRefusal(noteAnswer(true, NOW))).toEqual(noteAnswer(true, NOW));
});

it('that nobody could be asked is told with since when, while it is tried again every second', () => {
  const failing = noteFailure(noteAsked(UNASKED, NOW), NOW);
  expect(limit(failing)).toMatchObject({
    count: 1,
    because: 'whether the account can pay could not be asked for 0 s: trying again',
    checkAt: NOW + 1_000,
  });
  expect(limit(failing, NOW + 1_000)).toMatchObject({ asksFunds: true });
  const again = noteFailure(noteAsked(failing, NOW + 1_000), NOW + 8_000);
  expect(limit(again, NOW + 8_000).because).toBe(
    'whether the account can pay could not be asked for 8 s: trying again',
  );
  expect(limit(noteAnswer(true, NOW + 9_000), NOW + 9_000).count).toBe(3);
});
