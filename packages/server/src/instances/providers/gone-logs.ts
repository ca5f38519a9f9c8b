// The instances that are gone, with the last lines that are left of each: told of once, never again. Used by
// docker-containers.ts and kubernetes-pods.ts.

const KEPT = 500;

export interface GoneLogs {
  has(id: string): boolean;
  /** Undefined: it is not known to be gone; empty: nothing was left. */
  of(id: string): string[] | undefined;
  keep(id: string, lines: string[]): void;
}

export function createGoneLogs(): GoneLogs {
  const gone = new Map<string, string[]>();
  return {
    has: (id) => gone.has(id),
    of: (id) => gone.get(id),
    keep(id, lines) {
      gone.delete(id); // to the end of the order
      gone.set(id, lines);
      const [oldest] = gone.keys();
      if (gone.size > KEPT && oldest !== undefined) gone.delete(oldest);
    },
  };
}
