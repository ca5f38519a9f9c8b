// With replicas, every prompt passes here on its way to an instance: a brain that slept and may have been replaced sends
// nothing before it is certain that it was not, and one that hands over lets what is on the wire arrive first.
// Made in app-replicas.ts; called by run.ts.

export interface SendGuard {
  /** Never settles once closed: the attempt is another's. */
  pass<T>(send: () => Promise<T>): Promise<T>;
  /** Nothing more is sent; resolves when what was sent is answered. */
  close(): Promise<void>;
}

export function createSendGuard(untilCertain: () => Promise<void>): SendGuard {
  const sending = new Set<Promise<unknown>>();
  let isClosed = false;
  return {
    async pass(send) {
      await untilCertain();
      if (isClosed) return await new Promise<never>(() => undefined);
      const sent = send();
      sending.add(sent);
      try {
        return await sent;
      } finally {
        sending.delete(sent);
      }
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(sending);
    },
  };
}
