// What is found in a large body before it is parsed.
import { expect, it } from 'vitest';
import { LONG_TEXT_BYTES, outlineBody } from './body-outline.ts';
import { holdTexts } from './held-texts.ts';

const long = (letter: string, more = 0) => letter.repeat(LONG_TEXT_BYTES + more);

async function read(text: string): Promise<unknown> {
  const body = Buffer.from(text);
  const outline = await outlineBody(body, 1_000);
  if (outline.kind !== 'ok') return outline;
  const { text: short, held } = holdTexts(body, outline.longTexts);
  const value = JSON.parse(short);
  return { length: short.length, count: held.size, listed: held.list(value).size, restored: held.restore(value) };
}

it.each([
  ['plain', { a: long('x'), b: { c: ['y', long('z')] } }, 2],
  ['with escapes', { a: `${long('x')}"\\\n` }, 1],
  ['with an escaped quote before and after', { a: '\\"', b: `\\${long('x')}\\`, c: '"' }, 1],
  ['in another script', { a: long('é') }, 1],
  ['just long enough', { a: long('x'), b: long('x', -1) }, 1],
  ['none', { a: 'x' }, 0],
  ['named __proto__', JSON.parse(`{"__proto__":"${long('x')}"}`), 1],
])('long texts are held and come back: %s', async (_what, value, count) => {
  const found = await read(JSON.stringify(value, undefined, 1));
  expect(found).toMatchObject({ count, listed: count });
  expect(JSON.stringify((found as { restored: unknown }).restored)).toBe(JSON.stringify(value));
});

it('a long key stays where it is', async () => {
  expect(await read(`{"${long('k')}" : 1}`)).toMatchObject({ count: 0 });
});

it('a text that looks like a placeholder of another body is a text', async () => {
  const value = { a: long('x'), b: `xxxx#${'0'.repeat(24)}:0` };
  expect(await read(JSON.stringify(value))).toMatchObject({ count: 1, restored: value });
});

it.each([
  ['values', `[${'1,'.repeat(1_001)}1]`],
  ['escapes', `"${'\\"'.repeat(8_100)}"`],
  ['blanks', ' '.repeat(65_000)],
])('too many %s are noticed', async (_what, text) => {
  expect(await read(text)).toEqual({ kind: 'too_heavy' });
});

it('a text without an end is noticed', async () => {
  expect(await read(`{"a":"${long('x')}\\"`)).toEqual({ kind: 'unclosed' });
});
