// Waits for a condition instead of a time. Used by tests of things that happen on sockets.

export async function until(isTrue: () => boolean, what = 'the condition'): Promise<void> {
  const deadlineAt = Date.now() + 30_000;
  while (!isTrue()) {
    if (Date.now() > deadlineAt) throw new Error(`waited 30 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
