// GET …/events: finds the request, opens the stream, and leaves it to the hub. Called by requests/routes.ts.
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Queryable } from '../../db/database.ts';
import { isTerminal } from '../lifecycle.pure.ts';
import type { LiveIndex } from '../live.ts';
import type { FoundRequest, RequestAddress, RequestLookup } from '../lookup.ts';
import { listEventFiles } from '../requests.sql.ts';
import type { ViewContext } from '../view.pure.ts';
import { parseEventId } from './encode.pure.ts';
import type { EventsHub } from './hub.ts';

interface Deps {
  readonly db: Queryable;
  readonly live: LiveIndex;
  readonly lookup: RequestLookup;
  readonly events: EventsHub;
}

interface Question {
  readonly address: RequestAddress;
  readonly context: ViewContext;
  readonly reply: FastifyReply;
}

const HEADERS = {
  'content-type': 'text/event-stream',
  // No cache may keep it and no proxy may gather it: each event goes out as it comes.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

export async function streamEvents(deps: Deps, { address, context, reply }: Question): Promise<unknown> {
  const seen = parseEventId(readLastId(reply));
  const found = await findNow(deps, address);
  if (found.kind === 'live') {
    return openStream(reply, (response) => deps.events.follow(found.request, { response, context, seen }));
  }
  const { row } = found;
  if (!isTerminal(row.state)) {
    return openStream(reply, (response) => deps.events.tellState(row, { response, context, seen }));
  }
  // An EventSource connects again for ever, unless it is told so.
  if (seen?.isEnd) return reply.code(204).send();
  const files = await listEventFiles(deps.db, row.id);
  return openStream(reply, (response) => deps.events.tellEnded(row, files, { response, context, seen }));
}

async function findNow(deps: Deps, address: RequestAddress): Promise<FoundRequest> {
  const found = await deps.lookup.require(address);
  // It may have ended while it was looked up; from here to the hub nothing waits.
  if (found.kind === 'live' && deps.live.get(found.request.id) !== found.request) return deps.lookup.require(address);
  return found;
}

function readLastId({ request }: FastifyReply): string | undefined {
  const header = request.headers['last-event-id'];
  return typeof header === 'string' ? header : undefined;
}

function openStream(reply: FastifyReply, start: (response: ServerResponse) => void): FastifyReply {
  const { raw } = reply;
  // Its end is the connection's end: an event is one write, without the framing of chunks.
  raw.useChunkedEncodingByDefault = false;
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, HEADERS);
  if (reply.request.method === 'HEAD') raw.end();
  else if (!raw.destroyed) start(raw);
  return reply;
}
