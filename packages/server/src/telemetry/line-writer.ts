// Lines → a file descriptor, gathered and written while the service goes on. What cannot be written, as to a file on a full
// disk, is tried again and costs at last the lines that memory does not hold: never the service. Called by log.ts.
import { writeSync, write as writeToDescriptor } from 'node:fs';

export interface LineWriter {
  write(line: string): void;
  /** What is left, as the process ends. */
  end(): void;
}

export interface LineWriterOptions {
  readonly gatherMs?: number;
  /** So much is written at once. */
  readonly gatherCharacters?: number;
  readonly againMs?: number;
  readonly maxCharacters?: number;
  /** It writes again, and so many lines are not there. */
  readonly onLost?: (lines: number) => void;
  readonly write?: Write;
}

type Write = (fd: number, bytes: Buffer, done: (error: Error | null, count: number) => void) => void;

/**
 * Lines of one moment leave in one write: measured, one for each cost a short request a tenth of its CPU.
 * The timer runs behind a line only, so that nothing wakes an idle service.
 */
export function createLineWriter(fd: number, options: LineWriterOptions = {}): LineWriter {
  const { gatherMs = 25, gatherCharacters = 8_192, againMs = 500, maxCharacters = 4 * 1024 * 1024 } = options;
  const { onLost, write = writeToDescriptor } = options;
  let waiting = '';
  /** Begun, and to be finished before anything else: no line is torn. */
  let begun: Buffer | undefined;
  let isWriting = false;
  let timer: NodeJS.Timeout | undefined;
  let lost = 0;

  function later(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      send();
    }, ms).unref();
  }

  function send(): void {
    if (isWriting) return;
    begun ??= take();
    if (begun.length === 0) {
      settle();
      return;
    }
    isWriting = true;
    write(fd, begun, (error, count) => {
      isWriting = false;
      if (error || count === 0) {
        later(againMs);
        return;
      }
      begun = begun?.subarray(count);
      if (begun?.length === 0) settle();
      else send();
    });
  }

  function take(): Buffer {
    const bytes = Buffer.from(waiting);
    waiting = '';
    return bytes;
  }

  function settle(): void {
    begun = undefined;
    const count = lost;
    lost = 0;
    if (count > 0) onLost?.(count);
    if (waiting.length > 0) later(gatherMs);
  }

  return {
    write(line) {
      if (waiting.length + line.length > maxCharacters) {
        lost += 1;
        return;
      }
      waiting += line;
      // While the descriptor takes nothing the next try has its time.
      if (waiting.length >= gatherCharacters && begun === undefined) send();
      else if (!isWriting) later(gatherMs);
    },
    end() {
      if (timer !== undefined) clearTimeout(timer);
      // A write that is under way ends with the process, and may be overtaken by this one: its lines have their times.
      const left = isWriting || begun === undefined ? take() : Buffer.concat([begun, take()]);
      writeLast(fd, left);
    },
  };
}

const LAST_TRIES = 20;
const LAST_PAUSE_MS = 50;

/** A reader may be slow; whoever takes nothing must not keep the process. */
function writeLast(fd: number, bytes: Buffer): void {
  let left = bytes;
  for (let tries = 0; left.length > 0 && tries < LAST_TRIES; ) {
    try {
      left = left.subarray(writeSync(fd, left));
      tries = 0;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
      tries += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_PAUSE_MS);
    }
  }
}
