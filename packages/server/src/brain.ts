// What one replica at a time does for all: it owns the instances, runs the requests, delivers webhooks, keeps the bills.
// Here is the order in which that begins and ends. Made by app.ts; begun when this replica is the brain, at once when it
// is alone.
import type { AppBase, AppEngine } from './app-engine.ts';
import { MAX_ATTEMPTS } from './app-engine.ts';
import { persist } from './db/persist.ts';
import { recoverRequests } from './dispatch/recover.ts';
import { createTakeIn, type TakeIn } from './dispatch/take-in.ts';
import { adoptLeases } from './requests/recover.sql.ts';

export interface Brain {
  /** From the beginning of its start until its stop. */
  isOn(): boolean;
  start(): Promise<void>;
  /** `handOver`: other replicas are there, so runs need not end here. */
  stop(how: { graceMs: number; handOver: boolean }): Promise<void>;
  readonly takeIn: TakeIn;
}

/** For what is on the wire when the work is handed over. */
const HAND_OVER_MS = 1_000;

export function createBrain(base: AppBase, engine: AppEngine): Brain {
  const { db, clock, log, replicas } = base;
  const { fleet, live, recent, writes, directory, dispatcher, funds } = engine;
  const takeIn = createTakeIn({ db, clock, log, live, recent, writes, directory, dispatcher, funds });
  let state: 'off' | 'on' | 'over' = 'off';
  let starting: Promise<void> | undefined;

  async function start(): Promise<void> {
    state = 'on';
    const { simulator, billing, fundsSweep } = engine;
    if (replicas !== undefined) await persist(() => adoptLeases(db));
    await fleet.start();
    const parts = { db, clock, log, live, fleet, writes, dispatcher, funds, simulator };
    await recoverRequests({ ...parts, maxAttempts: MAX_ATTEMPTS });
    await billing.start((id) => fleet.get(id) !== undefined || fleet.asked().some((asked) => asked.id === id));
    await engine.endOfRefused();
    await engine.webhooks.start();
    dispatcher.start();
    await engine.scaling.scaler.start();
    engine.deadlines.start();
    fundsSweep?.start();
    engine.retention.start();
    if (replicas !== undefined) takeIn.start();
  }

  async function stop({ graceMs, handOver }: { graceMs: number; handOver: boolean }): Promise<void> {
    const wasOn = state === 'on';
    state = 'over';
    if (!wasOn) return;
    await starting?.catch(() => undefined); // whoever started it hears of it
    engine.deadlines.stop();
    engine.retention.stop();
    const sweepStopped = engine.fundsSweep?.stop();
    const givenMs = handOver ? Math.min(graceMs, HAND_OVER_MS) : graceMs;
    const webhooksStopped = engine.webhooks.drain(givenMs);
    await takeIn.stop();
    await engine.simulator?.stop();
    await engine.scaling.scaler.stop();
    await (handOver ? leaveRuns(givenMs) : dispatcher.drain(graceMs));
    await sweepStopped;
    await webhooksStopped;
  }

  /** What runs goes on where it is: the next brain adopts it. Not a word of it is written here from now on. */
  async function leaveRuns(withinMs: number): Promise<void> {
    await dispatcher.leaveRuns();
    const timeIsOver = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
    await Promise.race([replicas?.sendGuard.close(), timeIsOver]);
    await writes.endAttempts();
  }

  return {
    isOn: () => state === 'on',
    start() {
      starting ??= start();
      return starting;
    },
    stop,
    takeIn,
  };
}
