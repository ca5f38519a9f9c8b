// One F: its queue, history, stamps and the frames that it sends. No I/O of its own: fake-comfyui.ts gives it a port.
import { nowMs } from '../statistics.ts';

interface Prompt {
  readonly id: string;
  readonly clientId: string;
  readonly graph: Record<string, { class_type: string; inputs: Record<string, unknown> }>;
}

/** Monotonic milliseconds: received, begun, ended. */
type Stamp = [receivedAt: number, startedAt: number, endedAt: number];

interface Output {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/** Where frames go: one socket a client; what is sent in one turn of the event loop goes out in one write. */
export interface FrameSink {
  send(text: string): void;
}

/** The nodes of graph.ts, as /object_info tells of them. */
export const OBJECT_INFO = JSON.stringify({
  EmptyImage: nodeInfo('EmptyImage', {
    required: {
      width: ['INT', { default: 512, min: 1, max: 16384 }],
      height: ['INT', { default: 512, min: 1, max: 16384 }],
      batch_size: ['INT', { default: 1, min: 1, max: 4096 }],
      color: ['INT', { default: 0, min: 0, max: 0xffffff }],
    },
  }),
  SaveImage: nodeInfo('SaveImage', {
    required: { images: ['IMAGE', {}], filename_prefix: ['STRING', { default: 'ComfyUI' }] },
  }),
});

function nodeInfo(name: string, input: { required: Record<string, unknown> }) {
  const isOutput = name === 'SaveImage';
  return {
    input,
    input_order: { required: Object.keys(input.required) },
    output: isOutput ? [] : ['IMAGE'],
    output_is_list: isOutput ? [] : [false],
    output_name: isOutput ? [] : ['IMAGE'],
    name,
    display_name: name,
    description: '',
    python_module: 'nodes',
    category: 'image',
    output_node: isOutput,
  };
}

const HEAD = Buffer.from('89504e470d0a1a0a0000000d4948445200000040000000400802000000', 'hex');
/** About what ComfyUI writes for a picture of one colour. */
const PICTURE_BYTES = 200;

/** A PNG's shape with the name of its file inside, so that every output has bytes of its own. */
export function pictureOf(name: string): Buffer {
  const bytes = Buffer.alloc(Math.max(PICTURE_BYTES, HEAD.length + 4 + Buffer.byteLength(name)));
  HEAD.copy(bytes);
  bytes.write(name, HEAD.length + 4);
  return bytes;
}

export class FakeInstance {
  readonly sinks = new Map<string, FrameSink>();
  serviceMs: number;
  #pending: Prompt[] = [];
  #running: Prompt | undefined;
  #number = 0;
  #history = new Map<string, unknown>();
  #stamps = new Map<string, Stamp>();

  constructor(serviceMs: number) {
    this.serviceMs = serviceMs;
  }

  get(path: string): object | string | undefined {
    if (path.startsWith('/history/')) {
      const id = path.slice('/history/'.length);
      return this.#history.has(id) ? { [id]: this.#history.get(id) } : {};
    }
    const running = this.#running;
    switch (path) {
      case '/history':
        return Object.fromEntries(this.#history);
      case '/object_info':
        return OBJECT_INFO;
      case '/queue':
        return { queue_running: running ? [queueItem(running)] : [], queue_pending: this.#pending.map(queueItem) };
      case '/prompt':
        return { exec_info: { queue_remaining: this.#remaining() } };
      case '/bench/stamps':
        return Object.fromEntries(this.#stamps);
      case '/system_stats':
        return { system: { comfyui_version: '0.3.64', os: 'posix', argv: [] }, devices: [] };
      default:
        return undefined;
    }
  }

  post(path: string, body: string): { status: number; answer: object | string } {
    switch (path) {
      case '/prompt':
        return { status: 200, answer: this.#accept(body) };
      case '/history':
        return { status: 200, answer: this.#forget(JSON.parse(body)) };
      case '/queue':
        return { status: 200, answer: this.#unqueue(JSON.parse(body)) };
      case '/bench/progress':
        if (this.#running) {
          const { id, clientId } = this.#running;
          this.#send(clientId, 'progress', { ...JSON.parse(body), prompt_id: id, node: '1' });
        }
        return { status: 200, answer: {} };
      case '/bench/service':
        this.serviceMs = JSON.parse(body).serviceMs;
        return { status: 200, answer: { serviceMs: this.serviceMs } };
      default:
        return { status: path === '/interrupt' || path === '/free' ? 200 : 404, answer: {} };
    }
  }

  #accept(body: string): string {
    const receivedAt = nowMs();
    const parsed = JSON.parse(body);
    const prompt = { id: String(parsed.prompt_id), clientId: String(parsed.client_id), graph: parsed.prompt };
    this.#stamps.set(prompt.id, [receivedAt, Number.NaN, Number.NaN]);
    this.#pending.push(prompt);
    this.#broadcastStatus();
    if (this.#running === undefined) setImmediate(() => this.#running ?? this.#startNext());
    this.#number += 1;
    return `{"prompt_id":"${prompt.id}","number":${this.#number},"node_errors":{}}`;
  }

  #startNext(): void {
    this.#running = this.#pending.shift();
    if (this.#running === undefined) return;
    const prompt = this.#running;
    const stamp = this.#stamps.get(prompt.id);
    if (stamp) stamp[1] = nowMs();
    const startedAt = Date.now();
    this.#send(prompt.clientId, 'execution_start', { prompt_id: prompt.id, timestamp: startedAt });
    this.#send(prompt.clientId, 'execution_cached', { nodes: [], prompt_id: prompt.id, timestamp: startedAt });
    if (this.serviceMs > 0) setTimeout(() => this.#end(prompt, startedAt), this.serviceMs);
    else setImmediate(() => this.#end(prompt, startedAt));
  }

  #end(prompt: Prompt, startedAt: number): void {
    if (this.#running !== prompt) return;
    const { id: prompt_id, clientId } = prompt;
    const outputs: Record<string, { images: Output[] }> = {};
    for (const [node, { class_type, inputs }] of Object.entries(prompt.graph)) {
      if (class_type !== 'SaveImage') continue;
      const output = { images: [fileOf(String(inputs['filename_prefix']))] };
      outputs[node] = output;
      this.#send(clientId, 'executing', { node, display_node: node, prompt_id });
      this.#send(clientId, 'executed', { node, display_node: node, output, prompt_id });
    }
    const timestamp = Date.now();
    const stamp = this.#stamps.get(prompt_id);
    if (stamp) stamp[2] = nowMs();
    this.#send(clientId, 'execution_success', { prompt_id, timestamp });
    const start = ['execution_start', { prompt_id, timestamp: startedAt }];
    const messages = [start, ['execution_success', { prompt_id, timestamp }]];
    const status = { status_str: 'success', completed: true, messages };
    this.#history.set(prompt_id, { prompt: [0, prompt_id, prompt.graph, {}, ['2']], outputs, status, meta: {} });
    this.#running = undefined;
    this.#broadcastStatus();
    this.#send(clientId, 'executing', { node: null, prompt_id });
    this.#startNext();
  }

  #forget(given: { clear?: boolean; delete?: string[] }): object {
    if (given.clear) {
      this.#history = new Map();
      const isLive = (id: string) => id === this.#running?.id || this.#pending.some((prompt) => prompt.id === id);
      this.#stamps = new Map([...this.#stamps].filter(([id]) => isLive(id)));
    }
    for (const id of given.delete ?? []) this.#history.delete(id);
    return {};
  }

  #unqueue(given: { clear?: boolean; delete?: string[] }): object {
    this.#pending = this.#pending.filter(({ id }) => !given.clear && !given.delete?.includes(id));
    this.#broadcastStatus();
    return {};
  }

  #remaining(): number {
    return this.#pending.length + (this.#running ? 1 : 0);
  }

  #send(clientId: string, type: string, data: object): void {
    this.sinks.get(clientId)?.send(JSON.stringify({ type, data }));
  }

  #broadcastStatus(): void {
    const text = `{"type":"status","data":{"status":{"exec_info":{"queue_remaining":${this.#remaining()}}}}}`;
    for (const sink of this.sinks.values()) sink.send(text);
  }
}

function fileOf(prefix: string): Output {
  const cut = prefix.lastIndexOf('/');
  return {
    filename: `${prefix.slice(cut + 1)}_00001_.png`,
    subfolder: prefix.slice(0, Math.max(0, cut)),
    type: 'output',
  };
}

function queueItem({ id, graph }: Prompt): unknown[] {
  return [0, id, graph, {}, ['2']];
}
