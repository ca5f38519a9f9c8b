// Tells the timeline what becomes of instances. Made by app-engine.ts; off every request's path: the fleet calls,
// and the writing happens behind it, one after the other so that the order stays.
import type { Database } from '../db/database.ts';
import { persist } from '../db/persist.ts';
import { recordEvent } from '../events/events.sql.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import type { Fleet, Instance } from './fleet.ts';

interface Deps {
  readonly db: Database;
  readonly fleet: Fleet;
  readonly log: Log;
}

/** While the database is away this many wait; what happens beyond them is in the log only. */
const MOST_WAITING = 1_000;

export interface InstanceRecorder {
  /** Resolves when what happened so far is written, or cannot be. */
  stop(): Promise<void>;
}

export function recordInstanceEvents({ db, fleet, log }: Deps): InstanceRecorder {
  let waiting = 0;
  let written = Promise.resolve();
  const stopping = new AbortController();

  function record({ id, provider, spec }: Instance, verb: string, words: string) {
    const message = `Instance ${id} (${provider}) ${words}.`;
    // Of one that serves every account the account is left out.
    const owner = { accountId: spec?.accountId, ...(spec === undefined ? {} : { deploymentId: spec.deploymentId }) };
    write({ ...owner, kind: `instance.${verb}`, subjectId: id, message });
  }

  function write(event: Parameters<typeof recordEvent>[1]) {
    if (waiting >= MOST_WAITING) return;
    waiting += 1;
    written = written
      .then(() => persist(() => recordEvent(db, event), { signal: stopping.signal }))
      .catch((error) => log.warn({ instanceId: event.subjectId, ...describeError(error) }, 'an event was not recorded'))
      .finally(() => {
        waiting -= 1;
      });
  }

  fleet.listen({
    onStartFailed({ id, accountId, deploymentId }, cause) {
      const message = `Instance ${id} could not be started: ${withoutAddresses(cause)}.`;
      write({ accountId, deploymentId, kind: 'instance.failed', subjectId: id, message });
    },
    onStarted: (instance) => record(instance, 'started', 'is starting and has not answered yet'),
    onReady: (instance) => record(instance, 'ready', 'is ready'),
    onLost: (instance) => record(instance, 'lost', `does not answer: ${withoutAddresses(instance.reason)}`),
    onDraining: (instance) => record(instance, 'draining', `takes no more work: ${withoutAddresses(instance.reason)}`),
    onGone: (instance) => record(instance, 'gone', `is gone: ${withoutAddresses(instance.reason)}`),
  });
  return {
    stop() {
      stopping.abort();
      return written;
    },
  };
}

/** A URL, an IPv4 address, or what has two colons as an IPv6 address has. */
const ADDRESS = /:\/\/|(\d{1,3}\.){3}\d{1,3}|[0-9a-f]*:[0-9a-f.]*:[0-9a-f]/i;

/** Accounts that share the instances read this, and where they stand is the operator's business. */
export function withoutAddresses(reason: string | undefined): string {
  const words = reason ?? 'nobody knows why';
  return words.replace(/([^\s,;)]+)/g, (word) => (ADDRESS.test(word) ? 'its address' : word));
}
