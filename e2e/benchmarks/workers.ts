// Runs `count` jobs through `workers` loops, as that many submitters would.

export async function runWorkers<T>(
  { workers, count }: { workers: number; count: number },
  job: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = new Array(count);
  let next = 0;
  async function loop(): Promise<void> {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await job(index);
    }
  }
  await Promise.all(Array.from({ length: workers }, loop));
  return results;
}
