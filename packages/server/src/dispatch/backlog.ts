// What waits and is in no lane yet. While a start reads its backlog (recovery/recover.ts) the rest of it is known by number
// only, and what is accepted meanwhile waits behind it: nobody overtakes those who came before. Part of the board; accept.ts
// adds, standing.ts and demand.ts ask.
import type { WaitingCount } from '../requests/backlog.sql.ts';
import type { LiveRequest } from '../requests/live.ts';

export interface Backlog {
  /** From begin() to end(). */
  isLoading(): boolean;
  /** From here on what is accepted is kept behind what is still to be read. */
  begin(): void;
  /** So much is to be read. */
  expect(counts: readonly WaitingCount[]): void;
  /** One that was expected is in memory now. */
  arrived(deploymentId: string): void;
  /** Everything was read. Gives what was accepted meanwhile, for the lanes: in this order of ids, others behind as they came. */
  end(order?: readonly string[]): LiveRequest[];
  /** Of a deployment: still to be read; with what was accepted meanwhile. */
  countUnread(deploymentId: string): number;
  count(deploymentId: string): number;
  /** Deployments that have any. */
  deployments(): Set<string>;
  /** Of each deployment with some to be read: when the first of all came. */
  firsts(): { deploymentId: string; createdAt: number }[];
  keep(request: LiveRequest): void;
  /** False: it is not kept here. */
  remove(request: LiveRequest): boolean;
  /** How many of its deployment go before one that is kept here and are in no lane; undefined: it is not. */
  countBefore(request: LiveRequest): number | undefined;
  /** One page after another is put into the lanes; whoever closes a deployment waits for the one under way. */
  inTurn(act: () => Promise<void>): Promise<void>;
  settled(): Promise<void>;
  /** A cancel of one that is still to be read, whose row may have been read already. */
  noteCancel(requestId: string): void;
  isCancelled(requestId: string): boolean;
  /** At once when nothing is being read; otherwise once all is, or after the time. True: there was something to wait for. */
  untilLoaded(ms: number): Promise<boolean>;
}

/** `onChange`: what a deployment has in memory here grew or shrank. */
export function createBacklog(onChange: (deploymentId: string) => void = () => undefined): Backlog {
  const unread = createUnread();
  const kept = createKept(onChange);
  const loading = createLoading();
  const cancelled = new Set<string>();
  let turn: Promise<void> = Promise.resolve();

  return {
    isLoading: loading.isOn,
    begin: loading.begin,
    expect: unread.expect,
    arrived: unread.arrived,
    end(order = []) {
      const placeOf = new Map(order.map((id, place) => [id, place]));
      const place = ({ id }: LiveRequest) => placeOf.get(id) ?? order.length;
      const waiting = kept.takeAll().sort((a, b) => place(a) - place(b));
      unread.clear();
      cancelled.clear();
      loading.end();
      return waiting;
    },
    countUnread: unread.count,
    count: (deploymentId) => unread.count(deploymentId) + kept.count(deploymentId),
    deployments: () => new Set([...unread.deployments(), ...kept.deployments()]),
    firsts: unread.firsts,
    keep: kept.add,
    remove: kept.remove,
    countBefore(request) {
      const before = kept.countBefore(request);
      return before === undefined ? undefined : unread.count(request.deploymentId) + before;
    },
    inTurn(act) {
      const over = turn.then(act);
      turn = over.catch(() => undefined); // whoever asked for it hears of it
      return over;
    },
    settled: () => turn,
    noteCancel(requestId) {
      if (loading.isOn()) cancelled.add(requestId);
    },
    isCancelled: (requestId) => cancelled.has(requestId),
    untilLoaded: loading.wait,
  };
}

function createUnread() {
  const entries = new Map<string, { left: number; firstAt: number }>();
  return {
    expect(counts: readonly WaitingCount[]) {
      for (const { deployment_id, count, first_at } of counts) {
        const known = entries.get(deployment_id) ?? { left: 0, firstAt: first_at };
        entries.set(deployment_id, { left: known.left + count, firstAt: Math.min(known.firstAt, first_at) });
      }
    },
    arrived(deploymentId: string) {
      const entry = entries.get(deploymentId);
      if (entry === undefined) return;
      entry.left -= 1;
      if (entry.left <= 0) entries.delete(deploymentId);
    },
    clear: () => entries.clear(),
    count: (deploymentId: string) => entries.get(deploymentId)?.left ?? 0,
    deployments: () => entries.keys(),
    firsts: () => [...entries].map(([deploymentId, { firstAt }]) => ({ deploymentId, createdAt: firstAt })),
  };
}

function createKept(onChange: (deploymentId: string) => void) {
  const requests = new Set<LiveRequest>();
  const counts = new Map<string, number>();
  const count = (deploymentId: string) => counts.get(deploymentId) ?? 0;
  return {
    count,
    deployments: () => counts.keys(),
    add(request: LiveRequest) {
      requests.add(request);
      counts.set(request.deploymentId, count(request.deploymentId) + 1);
      onChange(request.deploymentId);
    },
    remove(request: LiveRequest): boolean {
      if (!requests.delete(request)) return false;
      const left = count(request.deploymentId) - 1;
      if (left > 0) counts.set(request.deploymentId, left);
      else counts.delete(request.deploymentId);
      onChange(request.deploymentId);
      return true;
    },
    takeAll(): LiveRequest[] {
      const all = [...requests];
      requests.clear();
      counts.clear();
      return all;
    },
    countBefore(request: LiveRequest): number | undefined {
      if (!requests.has(request)) return undefined;
      let before = 0;
      for (const other of requests) {
        if (other === request) break;
        if (other.deploymentId === request.deploymentId) before += 1;
      }
      return before;
    },
  };
}

function createLoading() {
  const waiting = new Set<() => void>();
  let isOn = false;
  return {
    isOn: () => isOn,
    begin() {
      isOn = true;
    },
    end() {
      isOn = false;
      for (const wake of [...waiting]) wake();
    },
    async wait(ms: number): Promise<boolean> {
      if (!isOn) return false;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        waiting.add(wake);
      });
      return true;
    },
  };
}
