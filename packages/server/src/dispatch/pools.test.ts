// Requests go only to instances of their pool, and to outdated ones only while no current one is ready.
import { expect, it } from 'vitest';
import type { Pool } from '../deployments/pool.pure.ts';
import type { Board } from './board.ts';
import { mayServe } from './pools.ts';
import type { Slots } from './slots.ts';

interface Made {
  readonly pool?: string;
  readonly spec?: { readonly fingerprint: string };
}

const scaled: Pool = { key: 'deployment:d1', isScaled: true, fingerprint: 'v2' };
const old: Made = { pool: 'deployment:d1', spec: { fingerprint: 'v1' } };
const current: Made = { pool: 'deployment:d1', spec: { fingerprint: 'v2' } };

function serves(pool: Pool | undefined, instance: Made, ready: readonly Made[] = []): boolean {
  const pools = new Map(pool === undefined ? [] : [['d1', pool]]);
  const board = { pools, deps: { poolOf: () => pool, fleet: { ready: () => ready } } } as unknown as Board;
  return mayServe(board, 'd1', { instance } as unknown as Slots);
}

it('gives a request to no instance of another pool, nor before its pool is known', () => {
  expect(serves(scaled, {})).toBe(false);
  expect(serves(scaled, { ...current, pool: 'deployment:d2' })).toBe(false);
  expect(serves(scaled, current)).toBe(true);
  expect(serves({ key: 'default', isScaled: false, fingerprint: '' }, {})).toBe(true);
  expect(serves(undefined, {})).toBe(false);
});

it('uses an outdated instance until a current one is ready', () => {
  expect(serves(scaled, old, [old])).toBe(true);
  expect(serves(scaled, old, [old, current])).toBe(false);
});
