// In-process wake-ups: who wrote a fact says "topic", whoever acts on it looks. Many wakes of one turn of the event loop
// are one call. A wake carries no data: the truth is in the database, and a slow poll stands behind every listener.

export interface Waker<Topic extends string = string> {
  wake(topic: Topic): void;
  /** Gives the way to stop. */
  on(topic: Topic, call: () => void): () => void;
}

export function createWaker<Topic extends string = string>(): Waker<Topic> {
  const calls = new Map<Topic, Set<() => void>>();
  const woken = new Set<Topic>();

  const deliver = (): void => {
    const topics = [...woken];
    woken.clear();
    for (const topic of topics) for (const call of calls.get(topic) ?? []) call();
  };

  return {
    wake: (topic) => {
      if (woken.size === 0) setImmediate(deliver);
      woken.add(topic);
    },
    on: (topic, call) => {
      const ofTopic = calls.get(topic) ?? new Set();
      ofTopic.add(call);
      calls.set(topic, ofTopic);
      return () => void ofTopic.delete(call);
    },
  };
}
