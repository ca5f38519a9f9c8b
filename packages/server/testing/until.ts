// Waits for a condition instead of for a time. Used by tests.

const PAUSE_MS = 10;
/** Only for what never happens: a busy machine may take its time. */
const PATIENCE_MS = 30_000;

/** Resolves with the first value that is not undefined or false. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > end) throw new Error(`did not happen in ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
