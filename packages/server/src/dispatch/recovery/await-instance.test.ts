import { expect, test } from 'vitest';
import { until } from '../../../testing/until.ts';
import type { Instance } from '../../instances/fleet.ts';
import { type LiveRequest, wishStop } from '../../requests/live.ts';
import { createLog } from '../../telemetry/log.ts';
import { awaitInstance } from './await-instance.ts';

const log = createLog('silent');
const CANCEL = { kind: 'cancel' } as const;

/** An instance that has the prompt in its queue until it is taken out. */
function createInstance() {
  const said: string[] = [];
  const client = {
    deletePending: async (promptId: string) => void said.push(`delete ${promptId}`),
    queue: async () => ({ running: [], pending: [] }),
  };
  return { said, instance: { id: 'i1', phase: 'ready', connection: { client } } as unknown as Instance };
}

function wait(request: Partial<LiveRequest>, stopsWithinMs: number) {
  let know: (instance: Instance | undefined) => void = () => undefined;
  const settling = new Promise<Instance | undefined>((resolve) => {
    know = resolve;
  });
  const live = { id: 'r1', promptId: 'p1', stop: undefined, onStop: undefined, ...request } as LiveRequest;
  return { live, know, done: awaitInstance({ request: live, settling, log, stopsWithinMs }) };
}

test('a request whose instance cannot be asked about goes on once it is known, or is known to be gone', async () => {
  const { instance } = createInstance();
  const found = wait({}, 1);
  found.know(instance);
  expect(await found.done).toEqual({ instance });
  const gone = wait({}, 1);
  gone.know(undefined);
  expect(await gone.done).toEqual({ instance: undefined });
});

test('one that is cancelled meanwhile is waited for only so long, and its prompt is taken off the instance later', async () => {
  const { live, know, done } = wait({}, 20);
  wishStop(live, CANCEL);
  expect(await done).toBe('stopped');
  const { instance, said } = createInstance();
  know(instance);
  await until('the prompt is taken out', () => said.includes('delete p1'));
});

test('one that was cancelled before the start is waited for no longer', async () => {
  expect(await wait({ stop: CANCEL }, 20).done).toBe('stopped');
});

test('an instance that is found in that time is not given up', async () => {
  const { instance } = createInstance();
  const { live, know, done } = wait({}, 10_000);
  wishStop(live, CANCEL);
  know(instance);
  expect(await done).toEqual({ instance });
});
