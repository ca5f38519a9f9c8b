// The discrete-event engine: plays arrivals on a fleet whose dispatch, scaling and billing are the product's own pure
// functions, and counts what the goals ask for. Called by the goals.
import { createEngine, type Engine, EVENT, KINDS, type PlayOptions, schedule } from './engine.ts';
import { createFaults, type Faults } from './faults.ts';
import {
  addInstance,
  dequeue,
  drop,
  enqueue,
  enqueueFirst,
  type Fleet,
  type Lane,
  laneOf,
  makeIdle,
  priceOf,
  removeInstance,
  type SimInstance,
} from './fleet.ts';

export interface Played {
  readonly fleet: Fleet;
  /** When each job's last attempt began and ended; NaN: never. */
  readonly startedAt: Float64Array;
  readonly endedAt: Float64Array;
  readonly loads: number;
  readonly attempts: number;
  /** Instance time idle while somebody waited. */
  readonly idleWhileWaitingMs: number;
  readonly instanceMs: number;
  readonly violations: readonly string[];
}

export function play(options: PlayOptions): Played {
  const { jobs } = options;
  const engine = createEngine(options);
  const { fleet, heap } = engine;
  const faults = options.faults && createFaults(options.faults, { engine, lose: (instance) => lose(engine, instance) });
  let arrived = 0;
  scale(engine);
  for (;;) {
    const arrivesAt = jobs[arrived]?.at ?? Number.POSITIVE_INFINITY;
    const at = Math.min(arrivesAt, heap.nextAt);
    if (isOver(engine, at)) break;
    passTime(engine, at);
    const isArrival = arrivesAt <= heap.nextAt;
    if (isArrival) arrive(engine, arrived++);
    else handle(engine, heap.pop(), faults);
    dispatch(engine, faults?.onGiven);
    scale(engine);
    if (isArrival) options.onSubmitted?.(fleet, arrived - 1);
  }
  return finish(engine);
}

function handle(engine: Engine, event: number, faults: Faults | undefined): void {
  const instance = engine.byIndex[Math.floor(event / KINDS)];
  const kind = event % KINDS;
  if (kind === EVENT.check || instance === undefined || instance.isGone) return;
  if (kind === EVENT.ready) becomeReady(engine, instance, faults?.onReady);
  else if (kind === EVENT.end) end(engine, instance, faults?.onEnd);
  else faults?.onEvent(kind, instance);
}

function isOver(engine: Engine, nextAt: number): boolean {
  const { options, fleet, done } = engine;
  if (nextAt === Number.POSITIVE_INFINITY || nextAt > (options.stopAt ?? Number.POSITIVE_INFINITY)) return true;
  if (done < options.jobs.length) return false;
  return options.stopWhenDone === true || fleet.instances.length === 0;
}

function passTime(engine: Engine, at: number): void {
  const { fleet } = engine;
  const passedMs = at - fleet.now;
  if (fleet.waiting > 0) engine.idleWhileWaitingMs += passedMs * Math.min(fleet.idle.length, fleet.waiting);
  engine.instanceMs += passedMs * fleet.instances.length;
  fleet.now = at;
}

function jobLane(engine: Engine, index: number): Lane | undefined {
  const job = engine.fleet.jobs[index];
  const { runMs, models } = engine.options;
  return job && laneOf(engine.fleet, job, { runMs, loadMs: models?.loadMs ?? 0 });
}

function arrive(engine: Engine, index: number): void {
  const { fleet, options } = engine;
  const lane = jobLane(engine, index);
  if (lane === undefined) return;
  options.choose.onArrival?.(fleet, lane);
  enqueue(fleet, lane, index);
}

function becomeReady(engine: Engine, instance: SimInstance, onReady?: (instance: SimInstance) => void): void {
  if (instance.phase !== 'starting') return;
  instance.phase = 'ready';
  instance.since = engine.fleet.now;
  makeIdle(engine.fleet, instance);
  onReady?.(instance);
}

function dispatch(engine: Engine, onGiven?: (instance: SimInstance) => void): void {
  const { fleet, options } = engine;
  while (fleet.idle.length > 0 && fleet.waiting > 0) {
    const choice = options.choose(fleet);
    if (choice === undefined) return;
    const { lane, instance } = choice;
    options.scaler.onGiven?.(fleet, instance);
    drop(fleet.idle, instance);
    begin(engine, instance, dequeue(fleet, lane));
    onGiven?.(instance);
  }
}

/** The product gives a request up after so many. */
const MAX_ATTEMPTS = 3;

function begin(engine: Engine, instance: SimInstance, index: number): void {
  const { fleet, options } = engine;
  const job = fleet.jobs[index];
  if (job === undefined) return;
  const loadMs = load(engine, instance, `m${job.models}`);
  instance.job = index;
  instance.jobSince = fleet.now + loadMs;
  instance.running = 1;
  instance.hasRun = true;
  engine.attempts += 1;
  const attempts = (engine.attemptsOf[index] ?? 0) + 1;
  engine.attemptsOf[index] = attempts;
  if (attempts > MAX_ATTEMPTS) engine.violations.push(`job ${index} was tried ${attempts} times`);
  engine.startedAt[index] = fleet.now;
  if (!Number.isNaN(engine.endedAt[index] ?? 0)) engine.violations.push(`job ${index} ran again after it had ended`);
  schedule(engine, instance.jobSince + job.serviceMs, { instance, kind: EVENT.end });
  if (options.models === undefined) return;
  if (loadMs > 0) engine.loads += 1;
}

/** The models used longest ago make room. */
function load(engine: Engine, instance: SimInstance, models: string): number {
  const { models: kind } = engine.options;
  if (kind === undefined) return 0;
  const isLoaded = instance.models.includes(models);
  if (isLoaded) drop(instance.models, models);
  else if (instance.models.length >= instance.slots) instance.models.shift();
  instance.models.push(models);
  return isLoaded ? 0 : kind.loadMs;
}

function end(engine: Engine, instance: SimInstance, onEnd?: (instance: SimInstance) => boolean): void {
  const { fleet } = engine;
  if (instance.job < 0 || onEnd?.(instance)) return;
  engine.endedAt[instance.job] = fleet.now;
  engine.done += 1;
  fleet.usage.add(`a${fleet.jobs[instance.job]?.account}`, fleet.now - instance.jobSince);
  instance.job = -1;
  instance.running = 0;
  if (instance.phase === 'draining') removeInstance(fleet, instance);
  else makeIdle(fleet, instance);
}

/** The instance is gone and its request is tried again, before those that came later. */
function lose(engine: Engine, instance: SimInstance): void {
  const { fleet } = engine;
  const index = instance.job;
  instance.job = -1;
  removeInstance(fleet, instance);
  const lane = index < 0 ? undefined : jobLane(engine, index);
  if (lane) enqueueFirst(fleet, lane, index);
}

function scale(engine: Engine): void {
  const { fleet, options, heap } = engine;
  if (fleet.now - engine.scaledAt < (options.scaleEveryMs ?? 0)) return;
  engine.scaledAt = fleet.now;
  const orders = options.scaler.decide(fleet);
  for (let count = 0; count < orders.start; count += 1) {
    const instance = addInstance(fleet, options.models?.slots ?? 1);
    engine.byIndex.push(instance);
    schedule(engine, fleet.now + options.coldStartMs(instance.index), { instance, kind: EVENT.ready });
  }
  for (const instance of orders.stop) stop(fleet, instance);
  if (engine.checkAt <= fleet.now) engine.checkAt = Number.POSITIVE_INFINITY;
  if (orders.checkAt === undefined || orders.checkAt >= engine.checkAt) return;
  if (orders.checkAt <= fleet.now) throw new Error(`asked to be asked again at ${orders.checkAt}, it is ${fleet.now}`);
  engine.checkAt = orders.checkAt;
  heap.push(orders.checkAt, EVENT.check);
}

function stop(fleet: Fleet, instance: SimInstance): void {
  if (instance.running === 0) removeInstance(fleet, instance);
  else {
    instance.phase = 'draining';
    instance.since = fleet.now;
  }
}

function finish(engine: Engine): Played {
  const { fleet, options, violations } = engine;
  for (const instance of [...fleet.instances]) removeInstance(fleet, instance);
  const left = options.jobs.length - engine.done;
  if (options.stopAt === undefined && left > 0) violations.push(`${left} of ${options.jobs.length} never ended`);
  violations.push(...checkBill(engine));
  return { ...engine };
}

/** Every instance's life is billed once: the sums may differ by what each life is rounded down. */
function checkBill({ fleet, instanceMs }: Engine): string[] {
  const { billedMs, microdollars, starts } = fleet;
  const problems: string[] = [];
  if (Math.abs(instanceMs - billedMs) > starts + 1e-6 * instanceMs) {
    problems.push(`instances lived for ${instanceMs} ms, and ${billedMs} ms were billed`);
  }
  if (Math.abs(priceOf(billedMs) - microdollars) > starts) {
    problems.push(`${billedMs} ms cost ${priceOf(billedMs)} microdollars, and ${microdollars} were charged`);
  }
  return problems;
}
