import { expect, it } from 'vitest';
import { findRoom } from './process-room.pure.ts';

const settings = new Map([
  ['ONE', { gpus: ['0', '1'], maxInstances: 2 }],
  ['OTHER', { gpus: ['1'], maxInstances: 5 }],
  ['CPU', { gpus: [], maxInstances: 3 }],
]);
const takes = (sku: string, gpu?: string) => ({ sku, gpu });

it('counts GPUs that any SKU has an instance on', () => {
  expect(findRoom(settings, 'ONE', [])).toMatchObject({ left: 2, gpu: '0' });
  expect(findRoom(settings, 'ONE', [takes('OTHER', '1')])).toMatchObject({ left: 1, gpu: '0' });
  const none = findRoom(settings, 'OTHER', [takes('ONE', '1')]);
  expect(none).toEqual({ left: 0, gpu: undefined, because: 'no GPU is free: each of 1 has an instance' });
});

it('leaves a GPU to those that are asked for and have none yet', () => {
  expect(findRoom(settings, 'ONE', [takes('OTHER')]).left).toBe(1);
  expect(findRoom(settings, 'OTHER', [takes('ONE')]).left).toBe(0);
  expect(findRoom(settings, 'OTHER', [takes('CPU')]).left).toBe(1);
});

it('makes no more than may be, and none of what is not known', () => {
  const full = {
    left: 0,
    because: 'all 3 instances that "max_instances" of hardware "CPU" allows in comfleet.config.json are there already',
  };
  expect(findRoom(settings, 'CPU', [takes('CPU'), takes('CPU'), takes('CPU')])).toMatchObject(full);
  expect(findRoom(settings, 'ONE', [takes('ONE', '0'), takes('ONE', '1')]).because).toContain('"max_instances"');
  expect(findRoom(settings, 'GONE', []).left).toBe(0);
});
