// Reads a stream of events as a client does, and keeps what came. Used by the tests of events; a real EventSource is there
// for what only it does (connecting again).

import type { IncomingMessage } from 'node:http';
import { request as send } from 'node:http';
import { until } from './until.ts';

export interface ReadEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

export interface EventReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly events: ReadEvent[];
  /** Everything as it came. */
  text(): string;
  isEnded(): boolean;
  /** The first event of this name that fits. */
  waitFor(event: string, fits?: (data: Record<string, unknown>) => boolean): Promise<ReadEvent>;
  untilEnded(): Promise<ReadEvent[]>;
  named(event: string): Record<string, unknown>[];
  /** Takes nothing from now on, so that what is sent piles up. */
  pause(): void;
  resume(): void;
  close(): void;
}

interface ReaderOptions {
  readonly token: string;
  readonly lastEventId?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function readEvents(url: string, options: ReaderOptions): Promise<EventReader> {
  const { token, lastEventId, method = 'GET' } = options;
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...options.headers };
  const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const call = send(url, { method, headers: { ...headers, ...resume }, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    call.on('response', resolve).on('error', reject).end();
  });
  return keep(response, () => call.destroy());
}

function keep(response: IncomingMessage, close: () => void): EventReader {
  const events: ReadEvent[] = [];
  let text = '';
  let unread = '';
  let isEnded = false;
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    unread += chunk;
    const blocks = unread.split('\n\n');
    unread = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = readBlock(block);
      if (event) events.push(event);
    }
  });
  response.on('close', () => {
    isEnded = true;
  });
  response.on('error', () => undefined); // the other side went away
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    text: () => text,
    isEnded: () => isEnded,
    waitFor: (name, fits = () => true) =>
      until(`event ${name}`, () => events.find(({ event, data }) => event === name && fits(data))),
    untilEnded: () => until('the end of the stream', () => isEnded && events),
    named: (name) => events.filter(({ event }) => event === name).map(({ data }) => data),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close,
  };
}

function readBlock(block: string): ReadEvent | undefined {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const event = fields.get('event');
  if (event === undefined) return undefined;
  return { id: fields.get('id') ?? '', event, data: JSON.parse(fields.get('data') ?? '') };
}
