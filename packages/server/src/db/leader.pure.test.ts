// A brain is over when it certainly is: no clock that is set and no outage looks like one that is silent.
import { expect, test } from 'vitest';
import { beginWatch, judgeBrain, type Look, type Watched, watchBrain } from './leader.pure.ts';

const LOOK: Look = { term: 4, holder: 'a', url: 'http://a', beat: 1, sessions: 5, dbNowMs: 0, tickMs: 0 };

/** Looks `every` ms until `forMs` have passed, each changed by what its number says. */
function look(forMs: number, change: (n: number) => Partial<Look> = () => ({}), every = 150): Watched {
  let watched = beginWatch(LOOK, false);
  for (let n = 1; n * every <= forMs; n += 1) {
    watched = watchBrain(watched, { ...LOOK, dbNowMs: n * every, tickMs: n * every, ...change(n) });
  }
  return watched;
}

test('a brain whose beats go on is followed', () => {
  expect(judgeBrain(look(60_000, (n) => ({ beat: n })))).toBeUndefined();
});

test('one that stands still is over after 1.2 s, and not before', () => {
  expect(judgeBrain(look(1_100))).toBeUndefined();
  expect(judgeBrain(look(1_250))).toMatch(/has not moved for 1200 ms/);
});

test('one without sessions is over sooner', () => {
  expect(judgeBrain(look(300, () => ({ sessions: 0 })))).toBeUndefined(); // the first look saw them
  expect(judgeBrain(look(450, () => ({ sessions: 0 })))).toMatch(/no session/);
  expect(judgeBrain(look(450, (n) => ({ sessions: n === 2 ? 1 : 0 })))).toBeUndefined();
});

test('where nobody is the brain, anybody may be', () => {
  expect(judgeBrain(beginWatch({ ...LOOK, holder: undefined }, false))).toBe('there is no brain');
});

test('a database clock that is set ahead, or back, makes nobody silent', () => {
  expect(judgeBrain(look(600, (n) => ({ dbNowMs: n * 150 + (n > 2 ? 3_600_000 : 0) })))).toBeUndefined();
  expect(judgeBrain(look(600, (n) => ({ dbNowMs: n * 150 - (n > 2 ? 3_600_000 : 0) })))).toBeUndefined();
});

test('a follower that was asleep takes nobody to be silent for that long', () => {
  expect(judgeBrain(look(600, (n) => ({ tickMs: n * 150 + 60_000, dbNowMs: n * 150 + 60_000 })))).toBeUndefined();
});

test('after an outage of the database a brain has longer to come back', () => {
  const gone = { ...LOOK, sessions: 0 };
  const after = (ms: number) => ({ ...gone, dbNowMs: ms, tickMs: ms });
  const watched = watchBrain(watchBrain(beginWatch(gone, true), after(400)), after(800));
  expect(judgeBrain(watched)).toBeUndefined();
  expect(judgeBrain(watchBrain(watched, after(1_050)))).toMatch(/no session/);
});

test('a new term begins anew', () => {
  const next = watchBrain(look(1_250), { ...LOOK, term: 5, dbNowMs: 1_300, tickMs: 1_300 });
  expect(judgeBrain(next)).toBeUndefined();
});
