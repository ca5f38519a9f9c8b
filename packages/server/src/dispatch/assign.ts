// A request is assigned to an instance in memory, before its lease is written, so that nobody else gives it away meanwhile; and
// taken back when the lease was not to be had. Called by accept.ts and loop.ts (who is chosen: assign.pure.ts, affinity.pure.ts),
// lease-and-perform.ts.
import type { LiveRequest } from '../requests/live.ts';
import { type Because, startTrace, type WhyThere } from '../requests/report.pure.ts';
import type { Board } from './board.ts';
import { ALL_LEVELS, levelOf, lowestLevel, whyThere } from './next-instance.pure.ts';
import { isAtLimit } from './pools.ts';
import { enter, leave, type Slots } from './slots.ts';

export function assign(board: Board, request: LiveRequest, slots: Slots, because: Because): void {
  const { pending: ahead, instance } = slots;
  const models = board.models.isUsed ? board.models.of(request) : '';
  request.phase = 'leased';
  request.epoch += 1;
  request.instanceId = instance.id;
  request.promptId = board.deps.newId();
  request.leasedAt = board.deps.execution.clock.now();
  const why = ahead === 0 ? undefined : whyAhead(board, request, slots, models);
  request.trace = startTrace({ because, waiting: board.waiting.size, readyAt: instance.since, ahead, whyThere: why });
  if (models !== '') slots.planned = models;
  enter(slots, request.deploymentId);
}

export function unassign(request: LiveRequest, slots: Slots): void {
  request.phase = 'queued';
  request.epoch -= 1;
  request.instanceId = undefined;
  request.promptId = undefined;
  request.leasedAt = undefined;
  request.trace = undefined;
  leave(slots, request.deploymentId);
}

function whyAhead(board: Board, request: LiveRequest, slots: Slots, models: string): WhyThere {
  const level = levelOf(slots) ?? ALL_LEVELS;
  const lowest = (slots.pool && lowestLevel(slots.pool.levels, ALL_LEVELS)) ?? level;
  if (isAtLimit(board, request.deploymentId)) return whyThere(level, lowest, 'max_instances');
  return whyThere(level, lowest, models !== '' && models === slots.planned ? 'its models' : undefined);
}
