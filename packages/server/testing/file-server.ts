// A web server on loopback that media inputs are fetched from, and that counts who came. Used by tests.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';

export interface FileServer {
  /** host:port, as an allow-list names it. */
  readonly host: string;
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
}

/** Called at the top of a test file. */
export function useFileServer(answer: RequestListener): () => FileServer {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    void answer(request, response);
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return () => {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { host, url: `http://${host}`, asked };
  };
}
