// What keeps hardware from having instances, as its provider says: asked for when the service starts, and again in the
// background when somebody wants to know. Nobody waits for it. Made by app-fleet.ts.
import type { Log } from '../telemetry/log.ts';
import type { Provider, ProviderKind, ProviderProblem } from './provider.ts';

const KNOWN_FOR_MS = 60_000;

interface Deps {
  readonly providers: readonly Provider[];
  /** Who makes instances of a SKU; undefined: nobody does. */
  readonly kindOf: (sku: string) => ProviderKind | undefined;
  readonly now: () => number;
  readonly log: Log;
}

export interface ProviderCheck {
  /** Asks every provider; what is wrong is said in the log, once. */
  look(): void;
  /** Why no instance of the SKU can be made, as far as is known. */
  problemOf(sku: string): string | undefined;
}

interface Checked {
  readonly at: number;
  readonly problems: readonly ProviderProblem[];
}

export function createProviderCheck({ providers, kindOf, now, log }: Deps): ProviderCheck {
  const known = new Map<ProviderKind, Checked>();

  function ask({ kind, check }: Provider): void {
    const last = known.get(kind);
    if (check === undefined || now() - (last?.at ?? Number.NEGATIVE_INFINITY) <= KNOWN_FOR_MS) return;
    known.set(kind, { at: now(), problems: last?.problems ?? [] });
    check().then(
      (problems) => {
        known.set(kind, { at: now(), problems });
        const before = describeProblems(last?.problems ?? []);
        for (const words of describeProblems(problems).filter((each) => !before.includes(each))) {
          log.warn({ provider: kind }, `no instance can be started: ${words}`);
        }
      },
      () => undefined, // it said nothing: not known
    );
  }

  return {
    look: () => providers.forEach(ask),
    problemOf(sku) {
      const kind = kindOf(sku);
      if (kind === undefined) return undefined;
      for (const provider of providers) if (provider.kind === kind) ask(provider);
      return known.get(kind)?.problems.find((problem) => (problem.sku ?? sku) === sku)?.says;
    },
  };
}

/** One line each, with the hardware that it is said of. */
export function describeProblems(problems: readonly ProviderProblem[]): string[] {
  const skusOf = new Map<string, string[]>();
  for (const { sku, says } of problems) {
    const skus = skusOf.get(says) ?? [];
    skusOf.set(says, sku === undefined ? skus : [...skus, sku]);
  }
  return [...skusOf].map(([says, skus]) => (skus.length === 0 ? says : `hardware ${skus.join(', ')}: ${says}`));
}
