// When a run begins that is followed on its instance.
import type { Frame } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { PromptListener } from '../instances/connection.ts';
import type { Instance } from '../instances/fleet.ts';
import { createAttempt, type ExecutionDeps } from './attempt.ts';
import { startWatch } from './follow.ts';
import { createTurn } from './turn.ts';
import { WATCH_TIMES } from './watch.ts';

it('with its first frame, also when another was sent before it and runs after it', () => {
  let listener: PromptListener | undefined;
  const listen = (_promptId: string, next: PromptListener) => {
    listener = next;
    return () => undefined;
  };
  const instance = { id: 'i1', connection: { listen } } as unknown as Instance;
  const turn = createTurn(2);
  turn.force();
  const request = makeLiveRequest({ phase: 'leased', promptId: 'p1' });
  const store = {} as ExecutionDeps['store'];
  const onRunOver = () => undefined;
  const attempt = createAttempt({ request, instance, turn, store, isResumed: false, onRunOver });
  const deps = { clock: { now: () => 5 }, watchTimes: WATCH_TIMES } as unknown as ExecutionDeps;
  const watch = startWatch(deps, attempt, turn.force());
  expect(request).toMatchObject({ phase: 'leased', runTick: undefined });
  listener?.onFrame({ type: 'execution_start', promptId: 'p1' } as Frame);
  expect(request).toMatchObject({ phase: 'running', startedAt: 5, runTick: expect.any(Number) });
  watch.stop();
});
