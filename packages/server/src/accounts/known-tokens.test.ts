// How often the database is asked about tokens. The rules of tokens themselves: test/tokens.test.ts.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Sql } from '../db/sql.ts';
import { createAuthenticator, hashToken } from './authenticate.ts';
import { makeToken } from './token.pure.ts';
import type { CallerRow } from './tokens.sql.ts';

const invent = (first: number) =>
  makeToken(Uint8Array.from({ length: 96 }, (_, index) => (first * 7 + index * 37) % 248));
const TOKEN = invent(1);

/** A database that knows TOKEN alone and counts what it is asked; `hold` keeps answers back. */
function createScene() {
  let now = 1_000_000;
  let held: (() => void)[] | undefined;
  const asked: Sql[] = [];
  let row: Partial<CallerRow> | undefined = { account_id: 'a', scopes: ['run'], expires_at: null, last_used_at: now };
  const db = {
    async query<Row>(statement: Sql): Promise<Row[]> {
      asked.push(statement);
      const found = row === undefined ? [] : [{ valid_until: null, ...row, hash: hashToken(TOKEN) }];
      if (held) await new Promise<void>((resolve) => held?.push(resolve));
      return found as Row[];
    },
  };
  const { authenticate, forget } = createAuthenticator({ db, clock: { now: () => now } });
  return {
    asked,
    lookups: () => asked.filter(({ name }) => name === 'find_callers').length,
    call: async (token = TOKEN) => (await authenticate(`Bearer ${token}`)).kind,
    forget,
    pass(ms: number) {
      now += ms;
    },
    become(next: Partial<CallerRow> | undefined) {
      row = next;
    },
    hold() {
      held = [];
    },
    async untilAsked() {
      while (held?.length === 0) await nextTurn();
    },
    release() {
      const waiting = held ?? [];
      held = undefined;
      for (const resolve of waiting) resolve();
    },
  };
}

it('a token of our form with a wrong checksum never reaches the database', async () => {
  const scene = createScene();
  const last = TOKEN.at(-1) === 'a' ? 'b' : 'a';
  for (const wrong of [TOKEN.slice(0, -1) + last, `cf_${'0'.repeat(38)}`, 'two words', 'é']) {
    expect(await scene.call(wrong)).toBe('refused');
  }
  expect(scene.asked).toHaveLength(0);
});

it('is asked once a second, however many calls there are', async () => {
  const scene = createScene();
  for (let n = 0; n < 50; n += 1) expect(await scene.call()).toBe('ok');
  expect(scene.lookups()).toBe(1);
  scene.pass(999);
  await scene.call();
  expect(scene.lookups()).toBe(1);
  scene.pass(1);
  await scene.call();
  expect(scene.lookups()).toBe(2);
});

it('calls that find a stale entry share one lookup', async () => {
  const scene = createScene();
  await scene.call();
  scene.pass(5_000);
  scene.hold();
  const first = [scene.call(), scene.call()];
  await scene.untilAsked();
  const all = [...first, ...Array.from({ length: 100 }, () => scene.call())];
  scene.release();
  expect(new Set(await Promise.all(all))).toEqual(new Set(['ok']));
  expect(scene.lookups()).toBe(2);
});

it('an unknown token is remembered for a moment, and many of them share a statement', async () => {
  const scene = createScene();
  for (let n = 0; n < 10; n += 1) expect(await scene.call(invent(2))).toBe('refused');
  expect(scene.lookups()).toBe(1);
  const flood = Array.from({ length: 200 }, (_, n) => scene.call(`an-invented-token-${n}`));
  expect(new Set(await Promise.all(flood))).toEqual(new Set(['refused']));
  expect(scene.lookups()).toBeLessThanOrEqual(3);
  scene.pass(1_000);
  await scene.call(invent(2));
  expect(scene.lookups()).toBeLessThanOrEqual(4);
});

it('a flood of unknown tokens pushes no real one out', async () => {
  const scene = createScene();
  await scene.call();
  await Promise.all(Array.from({ length: 12_000 }, (_, n) => scene.call(`an-invented-token-${n}`)));
  const before = scene.lookups();
  expect(await scene.call()).toBe('ok');
  expect(scene.lookups()).toBe(before);
});

it('what is revoked is refused at once where it was revoked, and within a second elsewhere', async () => {
  const [here, elsewhere] = [createScene(), createScene()];
  for (const scene of [here, elsewhere]) {
    await scene.call();
    scene.become(undefined);
  }
  here.forget('a');
  expect(await here.call()).toBe('refused');
  elsewhere.pass(1_000);
  expect(await elsewhere.call()).toBe('refused');
});

it('what is revoked elsewhere is refused also after the clock was set back', async () => {
  const scene = createScene();
  await scene.call();
  scene.become(undefined);
  scene.pass(-3_600_000);
  expect(await scene.call()).toBe('refused');
});

it('a lookup that began before a revocation does not bring the token back', async () => {
  const scene = createScene();
  scene.hold();
  const call = scene.call();
  await scene.untilAsked();
  scene.become(undefined);
  scene.forget('a');
  scene.release();
  expect(await call).toBe('refused');
});

it('its use is noted once a minute at most', async () => {
  const scene = createScene();
  const notes = () => scene.asked.length - scene.lookups();
  scene.become({ account_id: 'a', scopes: [], expires_at: null, last_used_at: null });
  await scene.call();
  expect(notes()).toBe(1);
  scene.become({ account_id: 'a', scopes: [], expires_at: null, last_used_at: 1_000_000 });
  for (let second = 0; second < 59; second += 1) {
    scene.pass(1_000);
    await scene.call();
  }
  expect(notes()).toBe(1);
  scene.pass(1_000);
  await scene.call();
  expect(notes()).toBe(2);
});
