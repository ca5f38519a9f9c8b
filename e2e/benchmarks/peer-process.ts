// Starts one of peers/ that listens on a port, and waits until it answers. Used by rows 7, 8, 9, 15 and 16.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, freePort, startNode, waitUntil } from './processes.ts';

export interface Peer {
  readonly url: string;
  readonly child: Child;
}

export async function startPeer(given: {
  file: string;
  dir: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}): Promise<Peer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const logPath = join(given.dir, 'peer.log');
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const file = fileURLToPath(new URL(`./peers/${given.file}`, import.meta.url));
  const child = startNode({
    args: ['--import', 'tsx', file, String(port), ...(given.args ?? [])],
    cwd,
    logPath,
    env: given.env ?? {},
  });
  const hasAnswered = async () => {
    const reply = await fetch(url);
    await reply.arrayBuffer();
    return true;
  };
  await waitUntil(hasAnswered, { what: given.file, withinMs: 30_000, child, logPath });
  return { url, child };
}
