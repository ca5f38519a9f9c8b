import { expect, it } from 'vitest';
import { judgeToken, makeToken } from './token.pure.ts';

const random = (first: number) => Uint8Array.from({ length: 96 }, (_, index) => (first + index * 37) % 256);

it('a made token has our form and its checksum fits', () => {
  for (let first = 0; first < 256; first += 1) {
    const token = makeToken(random(first));
    expect(token).toMatch(/^cf_[0-9A-Za-z]{38}$/);
    expect(judgeToken(token)).toBe('ours');
  }
});

it('a mistyped character is noticed, wherever it is', () => {
  const token = makeToken(random(3));
  for (let index = 3; index < token.length; index += 1) {
    const other = token[index] === 'a' ? 'b' : 'a';
    expect(judgeToken(token.slice(0, index) + other + token.slice(index + 1))).toBe('malformed');
  }
});

it('an operator may choose a token of another form', () => {
  expect(judgeToken('a-token-of-my-own')).toBe('other');
  expect(judgeToken(`cf_${'-'.repeat(38)}`)).toBe('other');
});

it.each(['', 'two words', 'tab\there', 'é', '\u0000', 'x'.repeat(513)])('%j is no token', (token) => {
  expect(judgeToken(token)).toBe('malformed');
});

it('bytes that would make some characters likelier are passed over, and too few bytes are a bug', () => {
  const biased = Uint8Array.from([...Array(32).fill(255), ...Array(32).fill(0)]);
  expect(makeToken(biased).slice(3, 35)).toBe('0'.repeat(32));
  expect(() => makeToken(new Uint8Array(31))).toThrow();
});
