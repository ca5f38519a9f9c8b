// The cancel use case. Durable before it is acknowledged: after the 202 a waiting request never runs (I8).
import type { Database } from '../db/database.ts';
import { crashPoint } from '../telemetry/crash-point.ts';
import type { LiveIndex, LiveRequest, StopWish } from './live.ts';
import { isUnfinished, recordCancelWish } from './requests.sql.ts';

export interface CancelDeps {
  readonly db: Database;
  readonly live: LiveIndex;
  /** It is not live here: whoever runs it is told. */
  readonly tellCancel: (requestId: string) => void;
  readonly stop: (request: LiveRequest, wish: StopWish) => void;
}

/** `ended`: it was terminal already, or is by now. */
export async function cancelRequest(deps: CancelDeps, requestId: string): Promise<'requested' | 'ended'> {
  const request = deps.live.get(requestId);
  if (request === undefined) return 'ended';
  crashPoint('before-cancel');
  await recordCancelWish(deps.db, requestId);
  crashPoint('after-cancel');
  // It may have ended while the wish was written; then the end stands.
  const now = deps.live.get(requestId);
  if (now === undefined) return 'ended';
  deps.stop(now, { kind: 'cancel' });
  return 'requested';
}

/** Of a request that lives, and not in this process: who runs it hears of it, or reads it when it begins to. */
export async function wishCancel(deps: CancelDeps, requestId: string): Promise<'requested' | 'ended'> {
  await recordCancelWish(deps.db, requestId);
  if (!(await isUnfinished(deps.db, requestId))) return 'ended';
  deps.tellCancel(requestId);
  return 'requested';
}
