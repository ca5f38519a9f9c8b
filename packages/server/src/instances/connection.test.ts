// An instance that never answers: the log says so and why, once.
import { createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import type { Log } from '../telemetry/log.ts';
import { createConnection } from './connection.ts';

it('an address where nothing listens is told in the log with its cause, and only once', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise((resolve) => taken.close(resolve));

  const warn = vi.fn();
  const nothing = () => undefined;
  const log: Log = { debug: nothing, info: nothing, warn, error: nothing };
  const baseUrl = `http://127.0.0.1:${port}`;
  const deaf = { onReady: nothing, onQuiet: nothing, onHeard: nothing, onLost: nothing };
  const connection = createConnection({ baseUrl, now: Date.now, log, ...deaf });
  try {
    await vi.waitFor(() => expect(warn).toHaveBeenCalled(), { timeout: 10_000 });
    expect(warn.mock.calls).toEqual([
      [{ url: baseUrl, reason: expect.stringContaining('ECONNREFUSED') }, expect.stringContaining('cannot be reached')],
    ]);
  } finally {
    await connection.close();
  }
});
