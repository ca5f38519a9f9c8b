// In-process wake-ups: who wrote a fact says "topic", whoever acts on it looks. Many wakes of one turn of the event loop
// are one call. A wake carries no data: the truth is in the database, whatever becomes of the wake.

export interface Waker<Topic extends string = string> {
  /** Resolves once every listener has acted: what must be so before an answer goes out waits for it. */
  wake(topic: Topic): Promise<void>;
  /** Gives the way to stop. A listener answers for its own failures. */
  on(topic: Topic, call: () => unknown): () => void;
}

export function createWaker<Topic extends string = string>(): Waker<Topic> {
  const calls = new Map<Topic, Set<() => unknown>>();
  const woken = new Set<Topic>();

  let delivery = Promise.resolve();

  const deliver = async (): Promise<void> => {
    const topics = [...woken];
    woken.clear();
    await Promise.allSettled(topics.flatMap((topic) => [...(calls.get(topic) ?? [])].map((call) => call())));
  };

  return {
    wake: (topic) => {
      if (woken.size === 0) delivery = new Promise((resolve) => setImmediate(() => resolve(deliver())));
      woken.add(topic);
      return delivery;
    },
    on: (topic, call) => {
      const ofTopic = calls.get(topic) ?? new Set();
      ofTopic.add(call);
      calls.set(topic, ofTopic);
      return () => void ofTopic.delete(call);
    },
  };
}
