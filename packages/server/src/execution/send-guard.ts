// With replicas, every prompt passes here on its way to an instance, and every word that stops one: a brain that slept and may
// have been replaced sends nothing before it is certain that it was not, and one that hands over lets what is on the wire
// arrive first. It is asked again at the moment of writing: a call may wait for a connection, or for a turn of the event loop,
// and sleep there. Made in app-replicas.ts; called by send-prompt.ts, interrupt.ts and clear-away.ts.

export interface SendGuard {
  /** `send` writes nothing when `mayBegin` says no. Never settles once closed: the attempt is another's. */
  pass<T>(send: (mayBegin: () => boolean) => Promise<T>): Promise<T>;
  /** Nothing more is sent; resolves when what was sent is answered. */
  close(): Promise<void>;
}

interface Certainty {
  isCertain(): boolean;
  untilCertain(): Promise<void>;
}

export function createSendGuard(brain: Certainty): SendGuard {
  const sending = new Set<Promise<unknown>>();
  let isClosed = false;

  async function sendOnce<T>(send: (mayBegin: () => boolean) => Promise<T>): Promise<{ answer: T } | 'held back'> {
    let isHeld = false;
    const sent = send(() => {
      isHeld = !brain.isCertain();
      return !isHeld;
    });
    sending.add(sent);
    try {
      const answer = await sent;
      return isHeld ? 'held back' : { answer };
    } catch (error) {
      if (isHeld) return 'held back';
      throw error;
    } finally {
      sending.delete(sent);
    }
  }

  return {
    async pass(send) {
      for (;;) {
        await brain.untilCertain();
        if (isClosed) return await new Promise<never>(() => undefined);
        const done = await sendOnce(send);
        if (done !== 'held back') return done.answer;
      }
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(sending);
    },
  };
}
