import { expect, it } from 'vitest';
import { findRoom } from './docker-room.pure.ts';

const pool = (ids: string[], each = 1) => ({ kind: 'pool' as const, ids, each });
const settings = new Map([
  ['ONE', { gpus: pool(['0', '1', '2', '3']), maxInstances: 4 }],
  ['PAIR', { gpus: pool(['0', '1', '2', '3'], 2), maxInstances: 2 }],
  ['ALL', { gpus: { kind: 'count' as const, count: 'all' as const }, maxInstances: 1 }],
]);
const takes = (sku: string, ...gpus: string[]) => ({ sku, gpus });

it('counts the GPUs that any SKU has an instance on, and gives the next ones', () => {
  expect(findRoom(settings, 'ONE', [takes('PAIR', '0', '1')])).toMatchObject({ left: 2, gpus: ['2'] });
  expect(findRoom(settings, 'PAIR', [takes('ONE', '1')])).toMatchObject({ left: 1, gpus: ['0', '2'] });
  const none = findRoom(settings, 'PAIR', [takes('ONE', '1'), takes('ONE', '2'), takes('ONE', '3')]);
  expect(none).toEqual({ left: 0, gpus: [], because: 'no GPU is free: 0, 1, 2, 3 have instances' });
});

it('leaves GPUs to those that are asked for and have none yet', () => {
  expect(findRoom(settings, 'ONE', [takes('PAIR')]).left).toBe(2);
  expect(findRoom(settings, 'ONE', [takes('ALL')]).left).toBe(4);
});

it('makes no more than may be, and none of what is not known', () => {
  const full = {
    left: 0,
    because: 'all 1 instances that "max_instances" of hardware "ALL" allows in comfleet.config.json are there already',
  };
  expect(findRoom(settings, 'ALL', [takes('ALL')])).toMatchObject(full);
  expect(findRoom(settings, 'GONE', []).left).toBe(0);
});
