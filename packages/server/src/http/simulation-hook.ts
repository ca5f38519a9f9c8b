// Lets the error simulator answer instead of a route. Wired by app.ts on servers started with --sandbox only: on others
// nobody looks for the header.
import { routeOf } from '@comfleet/api';
import type { FastifyInstance } from 'fastify';

/** `answer` throws what the call gets. Submits are simulated by their use case, which knows what becomes of them. */
export function answerSimulated(
  app: FastifyInstance,
  { header, answer }: { header: string; answer: (value: string | string[], path: string) => Promise<void> },
): void {
  const submit = routeOf('submitRequest').path;
  // After the body was read and the caller is known, so that the connection and its account stay in order.
  app.addHook('preHandler', async (request) => {
    const value = request.headers[header];
    if (value === undefined || request.routeOptions.url?.endsWith(submit)) return;
    await answer(value, request.url.split('?')[0] ?? '');
  });
}
