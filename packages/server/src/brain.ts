// What one replica at a time does for all: it owns the instances, runs the requests, delivers webhooks, keeps the bills.
// Here is the order in which that begins and ends. Made by app.ts; begun when this replica is the brain, at once when it
// is alone.
import type { AppBase, AppEngine } from './app-engine.ts';
import { MAX_ATTEMPTS } from './app-engine.ts';
import { persist } from './db/persist.ts';
import { type Recovered, recoverRequests } from './dispatch/recovery/recover.ts';
import { createTakeIn, type TakeIn } from './dispatch/recovery/take-in.ts';
import { adoptLeases } from './requests/recover.sql.ts';

export interface Brain {
  /** From the beginning of its start until its stop; of one that is alone, always until then. */
  isOn(): boolean;
  /** Everything has begun. */
  isWorking(): boolean;
  start(): Promise<void>;
  /** `handOver`: other replicas are there, so runs need not end here. */
  stop(how: { graceMs: number; handOver: boolean }): Promise<void>;
  readonly takeIn: TakeIn;
}

/** For what is on the wire when the work is handed over. */
const HAND_OVER_MS = 1_000;

export function createBrain(base: AppBase, engine: AppEngine): Brain {
  const { db, clock, log } = base;
  const { live, recent, writes, directory, dispatcher, funds } = engine;
  // What is accepted before the backlog is read waits behind it.
  dispatcher.backlog.begin();
  const stopping = new AbortController();
  let rest: Promise<void> = Promise.resolve();
  const takeIn = createTakeIn({ db, clock, log, live, recent, writes, directory, dispatcher, funds });
  let state: 'off' | 'starting' | 'working' | 'over' = 'off';
  let starting: Promise<void> | undefined;

  async function start(): Promise<void> {
    if (state === 'over') return; // elected while it stops: it hands over in a moment
    state = 'starting';
    const { mark, readRest } = await begin(base, engine, stopping.signal);
    rest = readRest().then(() => {
      // It looks for what others accepted, and knows by then what was there.
      if (base.replicas !== undefined && !stopping.signal.aborted) takeIn.start(mark);
    });
    rest.catch(base.onFatal);
    await beginUpkeep(engine);
    // Stopped meanwhile: then it is over.
    if (state === 'starting') state = 'working';
  }

  return {
    isOn: () => state === 'starting' || state === 'working' || (state === 'off' && base.replicas === undefined),
    isWorking: () => state === 'working',
    start() {
      starting ??= start();
      return starting;
    },
    async stop(how) {
      const hasBegun = starting !== undefined;
      state = 'over';
      if (!hasBegun) return;
      stopping.abort();
      await starting?.catch(() => undefined); // whoever started it hears of it
      await rest.catch(() => undefined);
      await end(base, engine, { ...how, takeIn });
    },
    takeIn,
  };
}

/** Until the first can be given out. */
async function begin(
  { db, clock, log, replicas, overrides }: AppBase,
  engine: AppEngine,
  signal: AbortSignal,
): Promise<Recovered> {
  const { fleet, live, recent, writes, directory, dispatcher, funds, simulator } = engine;
  // From here on the brain before is refused whatever it still writes of them.
  if (replicas !== undefined) await persist(() => adoptLeases(db));
  await fleet.start();
  engine.providerCheck.look();
  const parts = { db, clock, log, live, recent, fleet, writes, directory, dispatcher, funds, simulator };
  const isAlive = (id: string) => fleet.get(id) !== undefined || fleet.asked().some((asked) => asked.id === id);
  const [recovered] = await Promise.all([
    recoverRequests({ ...parts, maxAttempts: MAX_ATTEMPTS, pages: overrides.backlogPages }, signal),
    engine.billing.start(isAlive),
    engine.webhooks.start(),
  ]);
  await dispatcher.relearnModels();
  await engine.endOfRefused();
  dispatcher.start();
  return recovered;
}

async function beginUpkeep({ scaling, deadlines, fundsSweep, retention }: AppEngine): Promise<void> {
  await scaling.scaler.start();
  deadlines.start();
  fundsSweep?.start();
  retention.start();
}

interface End {
  readonly graceMs: number;
  readonly handOver: boolean;
  readonly takeIn: TakeIn;
}

async function end(base: AppBase, engine: AppEngine, { graceMs, handOver, takeIn }: End): Promise<void> {
  engine.deadlines.stop();
  engine.retention.stop();
  const sweepStopped = engine.fundsSweep?.stop();
  const givenMs = handOver ? Math.min(graceMs, HAND_OVER_MS) : graceMs;
  const webhooksStopped = engine.webhooks.drain(givenMs);
  await takeIn.stop();
  await engine.simulator?.stop();
  await engine.scaling.scaler.stop();
  await (handOver ? leaveRuns(base, engine, givenMs) : engine.dispatcher.drain(graceMs));
  await sweepStopped;
  await webhooksStopped;
}

/** What runs goes on where it is: the next brain adopts it. Not a word of it is written here from now on. */
async function leaveRuns({ replicas }: AppBase, { dispatcher, writes }: AppEngine, withinMs: number): Promise<void> {
  await dispatcher.leaveRuns();
  const timeIsOver = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
  await Promise.race([replicas?.sendGuard.close(), timeIsOver]);
  await writes.endAttempts();
}
