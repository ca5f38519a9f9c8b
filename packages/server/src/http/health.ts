// Liveness, readiness and the contract itself. Registered by app.ts.
import { ApiError, createOpenApi } from '@comfleet/api';
import { DOCS_HEADERS, renderDocs } from './docs-page.ts';
import type { RouteServer } from './serve-route.ts';

interface Deps {
  readonly version: string;
  /** Undefined when calls can be taken; otherwise what is missing. */
  readonly notReady: () => string | undefined;
  /** With replicas: whether it does the work of all, or serves calls only. */
  readonly role: () => 'brain' | 'follower' | undefined;
}

export function registerHealth(routes: RouteServer, { version, notReady, role }: Deps) {
  routes.servePublic('getLiveness', async () => ({ status: 'ok', version }));
  routes.servePublic('getReadiness', async () => {
    const missing = notReady();
    if (missing !== undefined) throw new ApiError(503001, `Not ready: ${missing}.`);
    const known = role();
    return { status: 'ok', version, ...(known === undefined ? {} : { role: known }) };
  });
  routes.servePublic('getDocs', async (call, reply) =>
    reply.headers(DOCS_HEADERS).send(renderDocs(createOpenApi({ version, publicUrl: call.base() }))),
  );
  routes.servePublic('getOpenApi', async (call) => createOpenApi({ version, publicUrl: call.base() }));
}
