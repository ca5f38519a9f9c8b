// Who may read /metrics: anybody on the admin port, which also tells health, and on the port of the API whoever has
// COMFLEET_METRICS_TOKEN. Without either setting nothing is counted. Wired by app.ts.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ApiError } from '@comfleet/api';
import type { FastifyInstance } from 'fastify';
import { type MetricsText, metrics } from '../telemetry/metrics.ts';

/** Counts the calls of this server. */
export function countCalls(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    metrics.httpAnswered(request.method, request.routeOptions.url ?? 'unknown', reply.statusCode);
    done();
  });
}

export function serveMetrics(app: FastifyInstance, { token, read }: { token: string; read: MetricsText }): void {
  const wanted = digest(`Bearer ${token}`);
  app.get('/metrics', async (request, reply) => {
    if (!timingSafeEqual(digest(request.headers.authorization ?? ''), wanted)) {
      throw new ApiError(401001, 'Send the header "Authorization: Bearer <COMFLEET_METRICS_TOKEN>".');
    }
    const { text, contentType } = await read();
    return reply.header('content-type', contentType).send(text);
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

interface AdminDeps {
  readonly host: string;
  readonly port: number;
  readonly read: MetricsText;
  readonly notReady: () => string | undefined;
  /** Whether it is for nobody at that address. */
  readonly isRefused?: (address: string) => Promise<boolean>;
}

export interface AdminServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startAdminServer({ host, port, read, notReady, isRefused }: AdminDeps): Promise<AdminServer> {
  const answer = async (path: string, response: ServerResponse) => {
    if (path === '/metrics') {
      const { text, contentType } = await read();
      return response.writeHead(200, { 'content-type': contentType }).end(text);
    }
    const missing = path === '/readyz' ? notReady() : undefined;
    const isKnown = path === '/healthz' || path === '/readyz';
    const status = isKnown ? (missing === undefined ? 200 : 503) : 404;
    const body = JSON.stringify({ status: isKnown ? (missing ?? 'ok') : 'here are /metrics, /healthz and /readyz' });
    return response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(body);
  };
  const admit = async ({ url = '', socket }: IncomingMessage, response: ServerResponse) => {
    if ((await isRefused?.(socket.remoteAddress ?? '')) === true) response.destroy();
    else await answer(url.split('?')[0] ?? '', response);
  };
  const server = createServer((request, response) => {
    admit(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    url: `http://${host}:${typeof address === 'object' && address !== null ? address.port : port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
