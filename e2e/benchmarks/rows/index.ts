// The rows that exist, in the order they run. A new row is a file here and a line below.
import type { Row } from '../row.ts';
import { throughputRow } from './row-01-throughput.ts';
import { cachedRow } from './row-02-cached.ts';
import { manyInstancesRow } from './row-03-many-instances.ts';
import { addedLatencyRow } from './row-04-added-latency.ts';
import { dispatchLatencyRow } from './row-05-dispatch-latency.ts';
import { idleGapRow } from './row-06-idle-gap.ts';
import { durableSubmitsRow } from './row-07-durable-submits.ts';
import { submitsUnderPollsRow } from './row-08-submits-under-polls.ts';
import { statusPollsRow } from './row-09-status-polls.ts';
import { storedRequestsRow } from './row-10-stored-requests.ts';
import { queuePositionRow } from './row-11-queue-position.ts';
import { enqueueRateRow } from './row-12-enqueue-rate.ts';
import { drainRow } from './row-13-drain.ts';
import { queuedMemoryRow } from './row-14-queued-memory.ts';
import { eventStreamsRow } from './row-15-event-streams.ts';
import { webhooksRow } from './row-16-webhooks.ts';
import { largeOutputRow } from './row-17-large-output.ts';
import { largeDataUriRow } from './row-18-large-data-uri.ts';
import { instanceProxyRow } from './row-19-instance-proxy.ts';
import { coldStartRow } from './row-20-cold-start.ts';
import { scalingReactionRow } from './row-21-scaling-reaction.ts';
import { restartRow } from './row-22-restart.ts';
import { idleCostRow } from './row-23-idle-cost.ts';

export const ROWS: readonly Row[] = [
  throughputRow,
  cachedRow,
  manyInstancesRow,
  addedLatencyRow,
  dispatchLatencyRow,
  idleGapRow,
  durableSubmitsRow,
  submitsUnderPollsRow,
  statusPollsRow,
  storedRequestsRow,
  queuePositionRow,
  enqueueRateRow,
  drainRow,
  queuedMemoryRow,
  eventStreamsRow,
  webhooksRow,
  largeOutputRow,
  largeDataUriRow,
  instanceProxyRow,
  coldStartRow,
  scalingReactionRow,
  restartRow,
  idleCostRow,
];
