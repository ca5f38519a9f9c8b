// F: a back end that answers at once, so that what stands in front of it is what is measured. Speaks as much of ComfyUI as
// the gateway uses, runs one prompt at a time for a settable service time, and stamps what came when (GET /bench/stamps).
// Run as a process: fake-comfyui.ts <port> <service ms>. With a comma list of ports each has a thread and a life of its own.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Worker } from 'node:worker_threads';
import { deflateSync } from 'node:zlib';
import { type WebSocket, WebSocketServer } from 'ws';
import { nowMs } from '../statistics.ts';

interface Prompt {
  readonly id: string;
  readonly clientId: string;
  readonly graph: Record<string, { class_type: string; inputs: Record<string, unknown> }>;
}

/** Monotonic milliseconds: received, begun, ended. */
type Stamp = [receivedAt: number, startedAt: number, endedAt: number];

const [port = 0, ...otherPorts] = (process.argv[2] ?? '').split(',').map(Number);
let serviceMs = Number(process.argv[3] ?? 0);
const sockets = new Map<string, WebSocket>();
const pending: Prompt[] = [];
let running: Prompt | undefined;
let number = 0;
let history = new Map<string, unknown>();
let stamps = new Map<string, Stamp>();

const OBJECT_INFO = JSON.stringify({
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

/** A PNG's shape with the name of its file inside, so that every output has bytes of its own. */
function pictureOf(name: string): Buffer {
  const head = Buffer.from('89504e470d0a1a0a0000000d4948445200000040000000400802000000', 'hex');
  return Buffer.concat([head, Buffer.alloc(4), deflateSync(Buffer.alloc(64 * 64 * 3, name))]);
}

function send(clientId: string, type: string, data: object): void {
  sockets.get(clientId)?.send(JSON.stringify({ type, data }));
}

function broadcastStatus(): void {
  const remaining = pending.length + (running ? 1 : 0);
  const text = JSON.stringify({ type: 'status', data: { status: { exec_info: { queue_remaining: remaining } } } });
  for (const socket of sockets.values()) socket.send(text);
}

function startNext(): void {
  running = pending.shift();
  if (running === undefined) return;
  const prompt = running;
  const stamp = stamps.get(prompt.id);
  if (stamp) stamp[1] = nowMs();
  const startedAt = Date.now();
  send(prompt.clientId, 'execution_start', { prompt_id: prompt.id, timestamp: startedAt });
  send(prompt.clientId, 'execution_cached', { nodes: [], prompt_id: prompt.id, timestamp: startedAt });
  if (serviceMs > 0) setTimeout(() => end(prompt, startedAt), serviceMs);
  else setImmediate(() => end(prompt, startedAt));
}

function end(prompt: Prompt, startedAt: number): void {
  if (running !== prompt) return;
  const prompt_id = prompt.id;
  const outputs: Record<string, { images: object[] }> = {};
  for (const [node, { class_type, inputs }] of Object.entries(prompt.graph)) {
    if (class_type !== 'SaveImage') continue;
    const path = String(inputs['filename_prefix']);
    const cut = path.lastIndexOf('/');
    const image = {
      filename: `${path.slice(cut + 1)}_00001_.png`,
      subfolder: path.slice(0, Math.max(0, cut)),
      type: 'output',
    };
    outputs[node] = { images: [image] };
    send(prompt.clientId, 'executing', { node, display_node: node, prompt_id });
    send(prompt.clientId, 'executed', { node, display_node: node, output: outputs[node], prompt_id });
  }
  const timestamp = Date.now();
  const stamp = stamps.get(prompt.id);
  if (stamp) stamp[2] = nowMs();
  send(prompt.clientId, 'execution_success', { prompt_id, timestamp });
  const start = ['execution_start', { prompt_id, timestamp: startedAt }];
  const messages = [start, ['execution_success', { prompt_id, timestamp }]];
  const status = { status_str: 'success', completed: true, messages };
  history.set(prompt.id, { prompt: [0, prompt.id, prompt.graph, {}, ['2']], outputs, status, meta: {} });
  running = undefined;
  broadcastStatus();
  send(prompt.clientId, 'executing', { node: null, prompt_id });
  startNext();
}

function accept(body: string): { status: number; answer: object } {
  const parsed = JSON.parse(body);
  const prompt = { id: String(parsed.prompt_id), clientId: String(parsed.client_id), graph: parsed.prompt };
  stamps.set(prompt.id, [nowMs(), Number.NaN, Number.NaN]);
  pending.push(prompt);
  broadcastStatus();
  if (running === undefined) setImmediate(() => running ?? startNext());
  number += 1;
  return { status: 200, answer: { prompt_id: prompt.id, number, node_errors: {} } };
}

function queueItem({ id, graph }: Prompt): unknown[] {
  return [0, id, graph, {}, ['2']];
}

function forget(given: { clear?: boolean; delete?: string[] }): object {
  if (given.clear) {
    history = new Map();
    stamps = new Map([...stamps].filter(([id]) => id === running?.id || pending.some((prompt) => prompt.id === id)));
  }
  for (const id of given.delete ?? []) history.delete(id);
  return {};
}

function unqueue(given: { clear?: boolean; delete?: string[] }): object {
  for (let index = pending.length - 1; index >= 0; index -= 1) {
    if (given.clear || given.delete?.includes(pending[index]?.id ?? '')) pending.splice(index, 1);
  }
  broadcastStatus();
  return {};
}

function answerGet(path: string): object | string | undefined {
  const item = /^\/history\/(.+)$/.exec(path)?.[1];
  if (item !== undefined) return history.has(item) ? { [item]: history.get(item) } : {};
  if (path === '/history') return Object.fromEntries(history);
  if (path === '/object_info') return OBJECT_INFO;
  if (path === '/queue')
    return { queue_running: running ? [queueItem(running)] : [], queue_pending: pending.map(queueItem) };
  if (path === '/prompt') return { exec_info: { queue_remaining: pending.length + (running ? 1 : 0) } };
  if (path === '/bench/stamps') return Object.fromEntries(stamps);
  if (path === '/system_stats') return { system: { comfyui_version: '0.3.64', os: 'posix', argv: [] }, devices: [] };
  return undefined;
}

function answerPost(path: string, body: string): { status: number; answer: object } {
  if (path === '/prompt') return accept(body);
  if (path === '/history') return { status: 200, answer: forget(JSON.parse(body)) };
  if (path === '/queue') return { status: 200, answer: unqueue(JSON.parse(body)) };
  if (path === '/bench/progress') {
    if (running) send(running.clientId, 'progress', { ...JSON.parse(body), prompt_id: running.id, node: '1' });
    return { status: 200, answer: {} };
  }
  if (path === '/bench/service') {
    serviceMs = JSON.parse(body).serviceMs;
    return { status: 200, answer: { serviceMs } };
  }
  return { status: path === '/interrupt' || path === '/free' ? 200 : 404, answer: {} };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const MEBIBYTE = Buffer.alloc(1024 * 1024, 'x');

/** GET /models/large/<MiB>: as many bytes, as fast as they are read. */
function sendLarge(response: ServerResponse, path: string): void {
  const bytes = Number(path.split('/')[3]) * MEBIBYTE.length;
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
  let left = bytes / MEBIBYTE.length;
  const more = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(MEBIBYTE)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://f');
  const reply = (status: number, answer: object | string) => {
    const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
    response
      .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      .end(text);
  };
  if (request.method === 'POST') {
    void readText(request).then((body) => {
      const { status, answer } = answerPost(url.pathname, body);
      reply(status, answer);
    });
  } else if (url.pathname.startsWith('/models/large/')) {
    sendLarge(response, url.pathname);
  } else if (url.pathname === '/view') {
    const bytes = pictureOf(`${url.searchParams.get('subfolder')}/${url.searchParams.get('filename')}`);
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': bytes.length }).end(bytes);
  } else {
    const answer = answerGet(url.pathname);
    reply(answer === undefined ? 404 : 200, answer ?? {});
  }
});
new WebSocketServer({ server, path: '/ws' }).on('connection', (socket, request) => {
  const clientId = new URL(request.url ?? '/', 'http://f').searchParams.get('clientId') ?? `anonymous ${nowMs()}`;
  sockets.set(clientId, socket);
  socket.send(
    JSON.stringify({ type: 'status', data: { status: { exec_info: { queue_remaining: 0 } }, sid: clientId } }),
  );
  socket.on('close', () => sockets.delete(clientId));
});
server.keepAliveTimeout = 75_000;
server.listen(port, '127.0.0.1');
for (const other of otherPorts) new Worker(new URL(import.meta.url), { argv: [String(other), String(serviceMs)] });
