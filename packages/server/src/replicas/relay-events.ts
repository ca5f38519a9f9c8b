// A stream of a live request's events, passed on from the brain and kept open when the brain changes: the next one is asked
// for what came after the last event that was seen. Called by forward-calls.ts.
import { type IncomingMessage, request as startRequest } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BrainAddress } from './brain-address.ts';
import { headersFor, streamBack } from './pass-on.ts';

interface Deps {
  readonly brain: BrainAddress;
  /** Where this replica is asked itself, when it has become the brain. */
  readonly ownUrl: () => string;
}

const WAIT_MS = 2_500;
const PAUSE_MS = 100;
/** So that nothing in between takes the stream for dead. */
const KEEP_ALIVE_MS = 10_000;

/** False when there is no brain to ask for a beginning. */
export async function relayEvents(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
  const firstUrl = deps.brain.find();
  const first = firstUrl === undefined ? undefined : await ask(firstUrl, { request, signal: deps.brain.signal() });
  if (first === undefined) return false;
  if (!isStream(first)) {
    streamBack(first, reply);
    return true;
  }
  streamHead(first, reply);
  void keepTelling(deps, { request, reply, first });
  return true;
}

function streamHead(answer: IncomingMessage, reply: FastifyReply): void {
  const { raw } = reply;
  raw.useChunkedEncodingByDefault = false;
  reply.hijack();
  const { connection: _connection, ...headers } = answer.headers;
  raw.writeHead(200, headers);
}

const isStream = ({ statusCode, headers }: IncomingMessage): boolean =>
  statusCode === 200 && (headers['content-type'] ?? '').startsWith('text/event-stream');

interface Told {
  lastId: string | undefined;
  isOver: boolean;
}

async function keepTelling(
  { brain, ownUrl }: Deps,
  { request, reply, first }: { request: FastifyRequest; reply: FastifyReply; first: IncomingMessage },
): Promise<void> {
  const { raw } = reply;
  const told: Told = { lastId: undefined, isOver: false };
  const alive = setInterval(() => raw.write(':\n\n'), KEEP_ALIVE_MS);
  let answer: IncomingMessage | undefined = first;
  while (!raw.destroyed && !told.isOver) {
    if (answer !== undefined) await tell(answer, reply, told);
    if (told.isOver || raw.destroyed) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const url = brain.isHere() ? ownUrl() : await brain.wait(WAIT_MS);
    answer = url === undefined ? undefined : await ask(url, { request, signal: brain.signal(), lastId: told.lastId });
    // Refused by now, or told to the end already.
    if (answer !== undefined && !isStream(answer) && answer.statusCode !== 503) {
      answer.resume();
      break;
    }
  }
  // Its reader left before a word of it was told.
  answer?.destroy();
  clearInterval(alive);
  raw.end();
}

/** undefined: nobody answered. */
function ask(
  url: string,
  { request, signal, lastId }: { request: FastifyRequest; signal: AbortSignal; lastId?: string | undefined },
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const headers = headersFor(request, undefined);
    if (lastId !== undefined) headers['last-event-id'] = lastId;
    const outgoing = startRequest(`${url}${request.raw.url ?? ''}`, { headers, agent: false, signal });
    outgoing.once('response', resolve);
    outgoing.once('error', () => resolve(undefined));
    outgoing.end();
  });
}

/** Resolves when the brain's stream has ended, however it did. */
async function tell(answer: IncomingMessage, { raw }: FastifyReply, told: Told): Promise<void> {
  const stop = () => answer.destroy();
  raw.once('close', stop);
  let rest = '';
  try {
    for await (const part of answer) {
      const blocks = (rest + String(part)).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) note(block, told);
      // Whole events only: the next brain's begin anew.
      const text = blocks.map((block) => `${block}\n\n`).join('');
      if (text !== '' && !raw.write(text)) await new Promise<void>((resolve) => waitForRoom(raw, resolve));
    }
  } catch {
    // cut: the next brain goes on
  } finally {
    raw.off('close', stop);
  }
}

function waitForRoom(raw: FastifyReply['raw'], resolve: () => void): void {
  raw.once('drain', resolve);
  raw.once('close', resolve);
}

function note(block: string, told: Told): void {
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) told.lastId = line.slice('id: '.length);
    if (line === 'event: end') told.isOver = true;
  }
}
