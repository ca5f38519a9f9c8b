// Who says that it leads, of several replicas: asked all the time, as a balancer would. Used by the campaigns with replicas.
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from './child-process.ts';
import type { Service } from './service.ts';

export const LEADS_WITHIN_MS = 60_000;
const LOOKS_EVERY_MS = 150;
/** A busy one on a busy machine takes a while. */
const ANSWERS_WITHIN_MS = 3_000;

export interface Roles {
  /** The one of these that leads. */
  untilLed(among: readonly Service[]): Promise<Service>;
  /** Milliseconds since `from` until one of these led. */
  untilOneLeads(among: readonly Service[], from: number): Promise<number>;
  /** For how long several said at once that they lead, each time. */
  stop(): Promise<{ readonly severalMs: readonly number[] }>;
}

export function followRoles(all: readonly Service[]): Roles {
  const severalMs: number[] = [];
  let isStopped = false;
  const looks = (async () => {
    let since: number | undefined;
    while (!isStopped) {
      const from = performance.now();
      const leading = (await readRoles(all)).filter((role) => role === 'brain').length;
      if (leading > 1) since ??= from;
      else if (since !== undefined) {
        severalMs.push(performance.now() - since);
        since = undefined;
      }
      await sleep(LOOKS_EVERY_MS);
    }
  })();
  return {
    async untilLed(among) {
      let brain: Service | undefined;
      await waitUntil(async () => {
        const found = await readRoles(among);
        // After a pause an old one may still say so: only a single answer counts.
        if (found.filter((role) => role === 'brain').length !== 1) return false;
        brain = among[found.indexOf('brain')];
        return true;
      }, LEADS_WITHIN_MS);
      if (brain === undefined) throw new Error(`no replica led within ${LEADS_WITHIN_MS / 1000} s`);
      return brain;
    },
    async untilOneLeads(among, from) {
      const found = await waitUntil(async () => (await readRoles(among)).includes('brain'), LEADS_WITHIN_MS);
      return found === undefined ? LEADS_WITHIN_MS : performance.now() - from;
    },
    async stop() {
      isStopped = true;
      await looks;
      return { severalMs };
    },
  };
}

function readRoles(services: readonly Service[]): Promise<(string | undefined)[]> {
  return Promise.all(
    services.map(async ({ baseUrl }) => {
      try {
        const reply = await fetch(`${baseUrl}/readyz`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
        const { role } = (await reply.json()) as { role?: string };
        return reply.ok ? role : undefined;
      } catch {
        return undefined; // paused, cut off, or not there
      }
    }),
  );
}
