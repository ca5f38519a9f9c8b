// Which replica is the brain: looked at several times a second while another is, beaten for while this one is. Made in
// app-replicas.ts; docs/replicas.md tells the whole of it.
//
//   following ──the brain is over (leader.pure.ts)──▶ begin a term ──▶ end the old one's sessions ──▶ onElected
//       ▲                                                                                        leading ──┤
//       └── handOver(): the next one takes over at once                     another began a term: onDeposed ◀┘
import type pg from 'pg';
import { createCertainty, type Moment } from './certainty.ts';
import type { DatabaseLocation, DatabaseLog } from './connection.ts';
import { Deposed, type Fence } from './fence.ts';
import { beginWatch, judgeBrain, type Watched, watchBrain } from './leader.pure.ts';
import { openClient, tellOfBrain } from './leader-client.ts';
import {
  beat,
  beginTerm,
  countOtherReplicas,
  endSessions,
  endTerm,
  giveBackBrainLock,
  lookAtBrain,
  nameLockHolder,
  tryBrainLock,
} from './leadership.ts';

export type LeaderDeps = DatabaseLocation & {
  readonly fence: Fence;
  /** Where the others reach this replica. */
  readonly ownUrl: () => string;
  readonly log: DatabaseLog;
  readonly onElected: () => void;
  /** Another is the brain: this process may do nothing more. */
  readonly onDeposed: (error: Deposed) => void;
};

export interface KnownBrain {
  readonly term: number;
  readonly url: string;
}

export interface Leader {
  /** Resolves when it is known who is the brain, be it this replica. */
  start(): Promise<void>;
  isLeading(): boolean;
  /** The brain, while that is another replica that moves. */
  other(): KnownBrain | undefined;
  /** Calls back when another brain is known, or none any more. Gives the way to stop. */
  onChange(call: () => void): () => void;
  /** Resolves when it is certain that nobody else can be the brain; never in a process that was replaced. */
  untilCertain(): Promise<void>;
  isCertain(): boolean;
  countOthers(): Promise<number>;
  handOver(): Promise<void>;
  stop(): Promise<void>;
}

const LOOK_MS = 150;
const BEAT_MS = 300;
const RECONNECT_MS = 50;
const END_SESSIONS_MS = 1_000;
/** The name of the connection by which a service of before the replicas holds the lock. */
const OLDER = /^comfleet leader \d+$/;

export const createLeader = (deps: LeaderDeps): Leader => new Watch(deps);

class Watch implements Leader {
  readonly #deps: LeaderDeps;
  readonly #id: string;
  readonly #changed = new Set<() => void>();
  readonly #certainty = createCertainty();
  readonly #waiting = new Set<() => void>();
  #client: pg.Client | undefined;
  #watched: Watched | undefined;
  #term: number | undefined;
  /** Whose sessions have to end before the work begins here. */
  #before: string | undefined;
  #isInstalled = false;
  #hasLock = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #settle: () => void = () => undefined;
  #other: KnownBrain | undefined;
  #isDue = false;
  #hadOutage = false;
  #saidOlder = false;

  constructor(deps: LeaderDeps) {
    this.#deps = deps;
    this.#id = deps.fence.replicaId;
  }

  start(): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#settle = resolve;
    });
    this.#soon(0);
    return settled;
  }

  isLeading(): boolean {
    return this.#isInstalled;
  }

  other(): KnownBrain | undefined {
    return this.#other;
  }

  onChange(call: () => void): () => void {
    this.#changed.add(call);
    return () => void this.#changed.delete(call);
  }

  untilCertain(): Promise<void> {
    return this.isCertain() ? Promise.resolve() : new Promise((resolve) => this.#waiting.add(resolve));
  }

  async countOthers(): Promise<number> {
    return await this.#inTurn(async () => (this.#client ? await countOtherReplicas(this.#client, this.#id) : 0));
  }

  async handOver(): Promise<void> {
    await this.#inTurn(async () => {
      const term = this.#term;
      this.#isStopped = true;
      clearTimeout(this.#timer);
      if (term === undefined || this.#client === undefined) return;
      this.#lead(undefined);
      try {
        await endTerm(this.#client, { term, id: this.#id });
        await tellOfBrain(this.#client);
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'the others see by themselves that this brain is gone');
      }
      // The lock goes with the connection.
      await this.#disconnect();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#turn.catch(() => undefined);
    await this.#disconnect();
  }

  isCertain(): boolean {
    return this.#isInstalled && this.#client !== undefined && this.#certainty.isCertain();
  }

  /** One after another: a look and a hand-over share the connection. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  #soon(ms: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#inTurn(() => this.#step()), ms);
  }

  async #step(): Promise<void> {
    if (this.#isStopped) return;
    const from = performance.now();
    try {
      this.#isDue = false;
      this.#client ??= await this.#connect();
      if (this.#term === undefined) await this.#follow(this.#client);
      else await this.#leadOn(this.#client, this.#term);
      this.#hadOutage = false;
      const pauseMs = (this.#term === undefined ? LOOK_MS : BEAT_MS) - (performance.now() - from);
      this.#soon(this.#isDue ? 0 : Math.max(0, pauseMs));
    } catch (error) {
      if (!this.#hadOutage) this.#deps.log.warn({ err: error }, 'who is the brain could not be asked; trying on');
      this.#hadOutage = true;
      await this.#disconnect();
      this.#soon(RECONNECT_MS);
    }
  }

  async #follow(client: pg.Client): Promise<void> {
    const look = await lookAtBrain(client);
    // The answer to its beginning got lost, and when it arrived is not known: the next beat makes it certain.
    if (look.holder === this.#id) return await this.#begin(client, look.term, undefined);
    this.#watched = this.#watched ? watchBrain(this.#watched, look) : beginWatch(look, this.#hadOutage);
    const because = judgeBrain(this.#watched);
    if (because === undefined) {
      this.#learn(look.url === undefined ? undefined : { term: look.term, url: look.url });
      if (look.sessions > 0) this.#settle();
      return;
    }
    this.#learn(undefined);
    if (await this.#isHeldByOlder(client)) return;
    this.#before = look.holder;
    const sentAt = this.#certainty.moment();
    const term = await beginTerm(client, { seen: look, id: this.#id, url: this.#deps.ownUrl() });
    this.#watched = undefined;
    if (term === undefined) {
      // Another was faster, or it moved after all.
      if (this.#hasLock) await giveBackBrainLock(client);
      this.#hasLock = false;
      return;
    }
    this.#deps.log.info({ term, because, before: look.holder }, 'this replica is the brain from now on');
    await this.#begin(client, term, sentAt);
  }

  /** A service of before the replicas has only the lock, for as long as it runs. */
  async #isHeldByOlder(client: pg.Client): Promise<boolean> {
    this.#hasLock ||= await tryBrainLock(client);
    if (this.#hasLock) return false;
    const name = (await nameLockHolder(client)) ?? '';
    if (!OLDER.test(name)) return false;
    if (!this.#saidOlder) this.#deps.log.warn({ name }, 'an older comfleet runs this database: waiting for it');
    this.#saidOlder = true;
    this.#settle();
    return true;
  }

  async #begin(client: pg.Client, term: number, sentAt: Moment | undefined): Promise<void> {
    this.#lead(term);
    this.#certainty.renew(sentAt);
    await this.#install(client);
  }

  async #install(client: pg.Client): Promise<void> {
    const until = performance.now() + END_SESSIONS_MS;
    while (this.#before !== undefined && (await endSessions(client, this.#before)) > 0) {
      // The next beat comes here again.
      if (performance.now() > until) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#before = undefined;
    // A beat that is lost with the database is followed by the next one.
    await client.query('set synchronous_commit = off');
    await tellOfBrain(client);
    this.#isInstalled = true;
    this.#deps.onElected();
    this.#settle();
  }

  async #leadOn(client: pg.Client, term: number): Promise<void> {
    const sentAt = this.#certainty.moment();
    if (!(await beat(client, { term, id: this.#id }))) {
      this.#isStopped = true;
      this.#deps.onDeposed(new Deposed(`term ${term} is over`));
      return;
    }
    this.#certainty.renew(sentAt);
    this.#hasLock ||= await tryBrainLock(client);
    if (!this.#isInstalled) await this.#install(client);
    if (!this.isCertain()) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #lead(term: number | undefined): void {
    this.#term = term;
    this.#deps.fence.lead(term);
    this.#isInstalled &&= term !== undefined;
  }

  #learn(brain: KnownBrain | undefined): void {
    const isNews = brain?.term !== this.#other?.term;
    this.#other = brain;
    if (isNews) for (const call of this.#changed) call();
  }

  async #connect(): Promise<pg.Client> {
    let client: pg.Client | undefined; // while it opens, a loss fails the opening
    client = await openClient(this.#deps, {
      onNotice: () => {
        this.#isDue = true;
        this.#soon(0);
      },
      onLost: () => {
        if (client === undefined || this.#client !== client) return;
        this.#forget();
        this.#hadOutage = true;
        this.#soon(RECONNECT_MS);
      },
    });
    return client;
  }
  async #disconnect(): Promise<void> {
    const client = this.#client;
    this.#forget();
    await client?.end().catch(() => undefined);
  }

  #forget(): void {
    this.#client = undefined;
    this.#watched = undefined;
    this.#hasLock = false;
  }
}
