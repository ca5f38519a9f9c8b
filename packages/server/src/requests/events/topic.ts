// One request that somebody follows: what was told of it, and the text of what is to be told. Made by hub.ts.
import type { StatusEvent } from '@comfleet/api';
import type { LiveChange, LiveRequest } from '../live.ts';
import { viewProgress } from '../run-progress.pure.ts';
import { liveStatusWord } from '../view.pure.ts';
import { type EventId, formatEvent, formatEventId } from './encode.pure.ts';
import type { Subscriber } from './subscribers.ts';

export interface TopicDeps {
  /** Tells this life of the service from others, in ids. */
  readonly start: string;
  readonly position: (request: LiveRequest) => number | undefined;
  /** Why a waiting request cannot be given out now; undefined when it can. */
  readonly whyWaiting: (request: LiveRequest) => string | undefined;
}

/** The ids of all events, in one row. */
export function createIds(start: string): (id?: Partial<EventId>) => string {
  let number = 0;
  return (id = {}) => {
    number += 1;
    return formatEventId({ start, logs: 0, outputs: 0, isEnd: false, ...id }, number);
  };
}

export class Topic {
  readonly request: LiveRequest;
  readonly subscribers = new Set<Subscriber>();
  isProgressDue = false;
  isPreviewDue = false;
  /** Runs while the last progress is too fresh for another. */
  pause: NodeJS.Timeout | undefined;
  preview: Extract<LiveChange, { kind: 'preview' }> | undefined;
  readonly #deps: TopicDeps;
  readonly #nextId: (id?: Partial<EventId>) => string;
  #status: StatusEvent;
  #why: string | undefined;
  #logsTold: number;

  constructor(request: LiveRequest, deps: TopicDeps, nextId: (id?: Partial<EventId>) => string) {
    this.request = request;
    this.#deps = deps;
    this.#nextId = nextId;
    this.#status = this.#viewStatus();
    this.#why = this.#whyNow();
    this.#logsTold = request.notes?.length ?? 0;
  }

  get isWaiting(): boolean {
    return this.#status.status === 'in_queue';
  }

  /** Empty when it is what was told before. */
  statusText(): string {
    const before = this.#status;
    const now = this.#viewStatus();
    const isSame =
      before.status === now.status &&
      before.queue_position === now.queue_position &&
      before.instance_id === now.instance_id;
    if (isSame) return '';
    this.#status = now;
    return formatEvent('status', this.#id(), now);
  }

  logsText(): string {
    const fresh = this.request.notes?.slice(this.#logsTold) ?? [];
    let text = '';
    for (const note of fresh) {
      this.#logsTold += 1;
      text += formatEvent('log', this.#id(), note);
    }
    return text;
  }

  /** Why it waits, when that is another reason than was told. */
  whyText(): string {
    const now = this.#whyNow();
    if (now === this.#why) return '';
    this.#why = now;
    return this.#toldWhy();
  }

  /** What became due since it was last asked. */
  dueText(): string {
    const text = (this.isProgressDue ? this.progressText() : '') + (this.isPreviewDue ? this.previewText() : '');
    this.isProgressDue = false;
    this.isPreviewDue = false;
    return text;
  }

  progressText(): string {
    const { progress } = this.request;
    return progress === undefined ? '' : formatEvent('progress', this.#id(), viewProgress(progress));
  }

  previewText(): string {
    const { preview } = this;
    if (preview === undefined) return '';
    const content_type = preview.contentType === 'image/png' ? 'image/png' : 'image/jpeg';
    const data_base64 = preview.image.toString('base64');
    return formatEvent('preview', this.#id(), { node_id: preview.nodeId, content_type, data_base64 });
  }

  /** Everything that is known now, but for the logs that were seen. */
  stateText(seen: EventId | undefined): string {
    const logsSeen = seen?.start === this.#deps.start ? Math.min(seen.logs, this.#logsTold) : 0;
    let text = formatEvent('status', this.#nextId({ logs: logsSeen }), this.#status);
    const notes = this.request.notes?.slice(0, this.#logsTold) ?? [];
    for (const [index, note] of notes.entries()) {
      if (index >= logsSeen) text += formatEvent('log', this.#nextId({ logs: index + 1 }), note);
    }
    return text + this.#toldWhy() + this.progressText() + this.previewText();
  }

  #id(): string {
    return this.#nextId({ logs: this.#logsTold });
  }

  #toldWhy(): string {
    if (this.#why === undefined) return '';
    return formatEvent('log', this.#id(), { level: 'info', message: this.#why });
  }

  #whyNow(): string | undefined {
    return this.request.phase === 'queued' ? this.#deps.whyWaiting(this.request) : undefined;
  }

  #viewStatus(): StatusEvent {
    const { request } = this;
    const status = liveStatusWord(request);
    if (status === 'in_progress') {
      return request.isOnInstance && request.instanceId ? { status, instance_id: request.instanceId } : { status };
    }
    const position = this.#deps.position(request);
    return position === undefined ? { status } : { status, queue_position: position };
  }
}
