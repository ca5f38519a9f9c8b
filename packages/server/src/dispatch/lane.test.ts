// The order in which one deployment's requests run, and the positions that callers are told.
import { describe, expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { LiveRequest } from '../requests/live.ts';
import { createLane } from './lane.ts';

const make = (id: string, priority = 0, createdAt = 0) => makeLiveRequest({ id, priority, createdAt });

function drain(lane: ReturnType<typeof createLane>): string[] {
  const ids: string[] = [];
  for (let next = lane.shift(); next; next = lane.shift()) ids.push(next.id);
  return ids;
}

describe('a lane', () => {
  it('gives by priority, then first come', () => {
    const lane = createLane('a', 'd');
    for (const [id, priority] of [
      ['n1', 0],
      ['l1', -1],
      ['h1', 1],
      ['n2', 0],
      ['h2', 1],
    ] as const)
      lane.push(make(id, priority));
    expect(lane.peek()?.id).toBe('h1');
    expect(drain(lane)).toEqual(['h1', 'h2', 'n1', 'n2', 'l1']);
    expect([lane.size, lane.peek(), lane.shift()]).toEqual([0, undefined, undefined]);
  });

  it('puts those that come back before all others of their priority, the oldest first', () => {
    const lane = createLane('a', 'd');
    lane.push(make('waiting', 0, 9));
    lane.pushFront(make('younger', 0, 5));
    lane.pushFront(make('older', 0, 2));
    lane.push(make('urgent', 1, 10));
    expect(drain(lane)).toEqual(['urgent', 'older', 'younger', 'waiting']);
  });

  it('knows nobody who is not in it', () => {
    const lane = createLane('a', 'd');
    const request = make('r');
    lane.push(request);
    lane.shift();
    expect([lane.rank(request), lane.remove(request)]).toEqual([undefined, false]);
    expect([lane.rank(make('other')), lane.remove(make('other'))]).toEqual([undefined, false]);
  });

  it('tells the same order, sizes and positions as a plain sorted list, whatever is done to it', () => {
    const lane = createLane('a', 'd');
    const plain: Entry[] = [];
    const random = createRandom(7);
    const drop = (entry: Entry | undefined) => entry && plain.splice(plain.indexOf(entry), 1);
    const steps: ((request: LiveRequest, order: number) => void)[] = [
      (request, order) => {
        lane.push(request);
        plain.push({ request, isBack: false, order });
      },
      (request, order) => {
        lane.pushFront(request);
        plain.push({ request, isBack: true, order });
      },
      () => {
        const expected = sorted(plain)[0];
        expect(lane.shift()).toBe(expected?.request);
        drop(expected);
      },
      () => {
        const entry = plain[random(Math.max(1, plain.length))];
        if (entry) expect(lane.remove(entry.request)).toBe(true);
        drop(entry);
      },
    ];
    // Ten of twenty push, one comes back, five are given out, four are taken from the middle.
    const odds = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3];
    for (let order = 0; order < 6_000; order += 1) {
      const request = make(`r${order}`, random(3) - 1, order);
      steps[odds[random(odds.length)] ?? 0]?.(request, order);
      expect(lane.size).toBe(plain.length);
      const some = order % 20 === 0 ? plain[random(Math.max(1, plain.length))] : undefined;
      if (some) expect(lane.rank(some.request)).toBe(sorted(plain).indexOf(some) + 1);
    }
  });
});

interface Entry {
  readonly request: LiveRequest;
  readonly isBack: boolean;
  readonly order: number;
}

function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort(
    (a, b) => b.request.priority - a.request.priority || Number(b.isBack) - Number(a.isBack) || a.order - b.order,
  );
}

/** The same numbers on every run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}
