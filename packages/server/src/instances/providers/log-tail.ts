// The end of a log file. Called by providers that write one.
import { open } from 'node:fs/promises';

const TAIL_BYTES = 64 * 1024;
const TAIL_LINES = 100;

export async function readLogTail(path: string): Promise<string[]> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
      await file.read(bytes, 0, bytes.length, size - bytes.length);
      const lines = bytes.toString().split(/\r?\n/);
      if (size > bytes.length) lines.shift(); // begins in the middle
      if (lines.at(-1) === '') lines.pop();
      return lines.slice(-TAIL_LINES);
    } finally {
      await file.close();
    }
  } catch {
    return []; // it has written nothing yet
  }
}

const MAX_LOG_BYTES = 16 * 1024 * 1024;
const KEPT_LOG_BYTES = 1024 * 1024;

/** Keeps the end of a log that has grown too long. Whoever appends to it goes on at its new end. */
export async function trimLog(path: string, maxBytes = MAX_LOG_BYTES, keptBytes = KEPT_LOG_BYTES): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    if (size <= maxBytes) return;
    const bytes = Buffer.alloc(keptBytes);
    const { bytesRead } = await file.read(bytes, 0, keptBytes, size - keptBytes);
    await file.truncate(0);
    await file.write(bytes, 0, bytesRead, 0);
  } finally {
    await file.close();
  }
}
