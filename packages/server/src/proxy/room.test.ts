import { ApiError } from '@comfleet/api';
import { expect, it } from 'vitest';
import { createRoom } from './room.ts';

it('holds so many calls of an account, and others beside them', () => {
  const room = createRoom(1_000);
  const leave = Array.from({ length: 64 }, () => room.enter('a', 1));
  expect(() => room.enter('a', 1)).toThrow(ApiError);
  room.enter('b', 1);
  leave[0]?.();
  leave[0]?.();
  room.enter('a', 1);
  expect(() => room.enter('a', 1)).toThrow('64 calls');
});

it('holds so many bytes of an account', () => {
  const room = createRoom(1_000);
  const leave = room.enter('a', 3_500);
  expect(() => room.enter('a', 501)).toThrow(ApiError);
  room.enter('a', 500);
  leave();
  room.enter('a', 3_500);
});
