// Who follows which request, and what each is told: the whole state at first, then what changes. Watches live requests
// (live.ts) only while somebody follows them. Made by app-door.ts, called by stream.ts.
import type { ServerResponse } from 'node:http';
import { describeError, type Log } from '../../telemetry/log.ts';
import { type LiveChange, type LiveRequest, type LiveWatcher, unwatch, watch } from '../live.ts';
import type { ViewContext } from '../view.pure.ts';
import {
  type EndedRow,
  type EventFile,
  type EventId,
  formatEvent,
  sortFiles,
  viewEnd,
  viewEndedState,
  viewOutput,
} from './encode.pure.ts';
import { type Subscriber, Subscribers } from './subscribers.ts';
import { createIds, Topic, type TopicDeps } from './topic.ts';

export interface Reader {
  readonly response: ServerResponse;
  readonly context: ViewContext;
  /** The last event it saw. */
  readonly seen: EventId | undefined;
}

interface Deps extends TopicDeps {
  readonly log: Log;
  /** Whether a token, as its header was sent, no longer opens anything. */
  readonly isRefused: (authorization: string | undefined) => Promise<boolean>;
  /** Positions are told once a tick, heartbeats every 15. */
  readonly tickMs?: number | undefined;
}

const TICK_MS = 1_000;
/** Progress and previews of one request are at least so far apart. */
const PAUSE_MS = 100;
/** A node that sends whole pictures this way: they come as outputs. */
const MAX_PREVIEW_BYTES = 2 * 1024 * 1024;
const MAX_CONTEXTS = 100;
/** So that many readers with tokens of their own do not become a load on the database. */
const TOKENS_A_TICK = 200;

export class EventsHub implements LiveWatcher {
  readonly #deps: Deps;
  readonly #subscribers: Subscribers;
  readonly #nextId: (id?: Partial<EventId>) => string;
  readonly #topics = new Map<string, Topic>();
  readonly #topicOf = new WeakMap<Subscriber, Topic>();
  readonly #contexts = new Map<string, ViewContext>();
  #isStopped = false;
  #tick = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#nextId = createIds(deps.start);
    this.#subscribers = new Subscribers({
      tickMs: deps.tickMs ?? TICK_MS,
      onTick: () => this.#look(),
      onCaughtUp: (subscriber) => this.#catchUp(subscriber),
      onClosed: (subscriber) => this.#leave(subscriber),
    });
  }

  /** How many streams are open, and of how many requests. */
  count(): { streams: number; requests: number } {
    return { streams: this.#subscribers.size, requests: this.#topics.size };
  }

  /** Tells the whole state, and all that follows. */
  follow(request: LiveRequest, reader: Reader): void {
    const subscriber = this.#add(reader);
    if (this.#isStopped) {
      this.#subscribers.end(subscriber);
      return;
    }
    const topic = this.#topics.get(request.id) ?? this.#open(request);
    // Those who were there first hear of it too, if it is news.
    this.#tell(topic, topic.statusText());
    topic.subscribers.add(subscriber);
    this.#topicOf.set(subscriber, topic);
    this.#subscribers.send(subscriber, retryText() + topic.stateText(reader.seen));
  }

  /** The whole of a request that has ended, and the stream's end. */
  tellEnded(row: EndedRow, files: readonly EventFile[], reader: Reader): void {
    this.#subscribers.end(this.#add(reader), retryText() + this.#endText(row, files, reader));
  }

  /** The state of a request that is not live yet: its reader asks again. */
  tellState(row: EndedRow, reader: Reader): void {
    const text = formatEvent('status', this.#nextId(), viewEndedState(reader.context, row));
    this.#subscribers.end(this.#add(reader), retryText() + text);
  }

  /** Ends every stream without an `end`: readers connect again, to whoever comes next. */
  stop(): void {
    this.#isStopped = true;
    for (const topic of this.#topics.values()) this.#drop(topic);
    this.#subscribers.stop();
  }

  onChange(request: LiveRequest, change: LiveChange): void {
    const topic = this.#topics.get(request.id);
    if (topic === undefined) return;
    try {
      this.#take(topic, change);
    } catch (error) {
      // A stream that fails must not keep the request from going on.
      this.#deps.log.error({ requestId: request.id, ...describeError(error) }, 'an event could not be told');
    }
  }

  #take(topic: Topic, change: LiveChange): void {
    switch (change.kind) {
      case 'status':
        this.#tellDue(topic);
        this.#tell(topic, topic.statusText());
        break;
      case 'note':
        this.#tell(topic, topic.logsText());
        break;
      case 'progress':
        topic.isProgressDue = true;
        this.#tellSoon(topic);
        break;
      case 'preview':
        if (change.image.length > MAX_PREVIEW_BYTES) break;
        topic.preview = change;
        topic.isPreviewDue = true;
        this.#tellSoon(topic);
        break;
      case 'ended':
        this.#finish(topic, change.row, change.files);
        break;
      case 'gone':
        this.#drop(topic);
        for (const subscriber of topic.subscribers) this.#subscribers.end(subscriber);
    }
  }

  #add({ response, context }: Reader): Subscriber {
    const key = `${context.version} ${context.base}`;
    const shared = this.#contexts.get(key) ?? context;
    if (this.#contexts.size >= MAX_CONTEXTS) this.#contexts.clear();
    this.#contexts.set(key, shared);
    return this.#subscribers.add(response, shared);
  }

  #open(request: LiveRequest): Topic {
    const topic = new Topic(request, this.#deps, this.#nextId);
    this.#topics.set(request.id, topic);
    watch(request, this);
    return topic;
  }

  #drop(topic: Topic): void {
    clearTimeout(topic.pause);
    this.#topics.delete(topic.request.id);
    unwatch(topic.request, this);
  }

  #leave(subscriber: Subscriber): void {
    const topic = this.#topicOf.get(subscriber);
    if (!topic?.subscribers.delete(subscriber)) return;
    if (topic.subscribers.size === 0 && this.#topics.get(topic.request.id) === topic) this.#drop(topic);
  }

  #tell(topic: Topic, text: string): void {
    if (text === '') return;
    const bytes = Buffer.from(text);
    for (const subscriber of topic.subscribers) this.#subscribers.send(subscriber, bytes);
  }

  #look(): void {
    this.#tellWaiting();
    this.#tick += 1;
    this.#endRefused().catch((error) => {
      this.#deps.log.warn(describeError(error), 'the tokens of open streams could not be checked');
    });
  }

  // A stream outlives the call that opened it: what its token may do is asked again, all of them in turn.
  async #endRefused(): Promise<void> {
    const tokens = new Set<string | undefined>();
    for (const { response } of this.#subscribers.all()) tokens.add(response.req.headers.authorization);
    const turns = Math.ceil(tokens.size / TOKENS_A_TICK);
    const asked = [...tokens].filter((_, index) => index % turns === this.#tick % turns);
    const refused = new Set<string | undefined>();
    await Promise.all(
      asked.map(async (token) => {
        if (await this.#deps.isRefused(token)) refused.add(token);
      }),
    );
    if (refused.size === 0) return;
    for (const subscriber of this.#subscribers.all()) {
      if (refused.has(subscriber.response.req.headers.authorization)) this.#subscribers.end(subscriber);
    }
  }

  // One look a tick at the requests that wait and are followed, whatever happened meanwhile.
  #tellWaiting(): void {
    for (const topic of this.#topics.values()) {
      if (topic.isWaiting) this.#tell(topic, topic.statusText() + topic.whyText());
    }
  }

  #tellSoon(topic: Topic): void {
    if (topic.pause !== undefined) return;
    this.#tellDue(topic);
    topic.pause = setTimeout(() => {
      topic.pause = undefined;
      if (topic.isProgressDue || topic.isPreviewDue) this.#tellSoon(topic);
    }, PAUSE_MS);
  }

  #tellDue(topic: Topic): void {
    const text = topic.dueText();
    if (text === '') return;
    const bytes = Buffer.from(text);
    for (const subscriber of topic.subscribers) this.#subscribers.offer(subscriber, bytes);
  }

  #catchUp(subscriber: Subscriber): void {
    const topic = this.#topicOf.get(subscriber);
    if (topic) this.#subscribers.offer(subscriber, Buffer.from(topic.progressText() + topic.previewText()));
  }

  #finish(topic: Topic, row: EndedRow, files: readonly EventFile[]): void {
    topic.isPreviewDue = false;
    this.#tellDue(topic);
    this.#drop(topic);
    const written = new Map<ViewContext, Buffer>();
    for (const subscriber of topic.subscribers) {
      const { context } = subscriber;
      const bytes = written.get(context) ?? Buffer.from(this.#endText(row, files, { context, seen: undefined }));
      written.set(context, bytes);
      this.#subscribers.end(subscriber, bytes);
    }
  }

  #endText(row: EndedRow, files: readonly EventFile[], { context, seen }: Pick<Reader, 'context' | 'seen'>): string {
    const outputs = Math.min(seen?.outputs ?? 0, files.length);
    let text = formatEvent('status', this.#nextId({ outputs }), viewEndedState(context, row));
    for (const [index, file] of sortFiles(files).entries()) {
      if (index < outputs) continue;
      text += formatEvent('output', this.#nextId({ outputs: index + 1 }), viewOutput(context, row.id, file));
    }
    const id = this.#nextId({ outputs: files.length, isEnd: true });
    return text + formatEvent('end', id, viewEnd(context, row));
  }
}

const RETRY_MS = 1_000;

/** Spread, so that the readers of a service that restarts do not all come at once. */
function retryText(): string {
  return `retry: ${RETRY_MS + Math.floor(Math.random() * 2 * RETRY_MS)}\n\n`;
}
