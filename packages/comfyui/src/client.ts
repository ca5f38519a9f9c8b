// The client of one ComfyUI: every call that comfleet makes to an instance, bound to its address.
// What a call does and fails with stands in the file of that call; errors are ComfyError.
import type { Dispatcher } from 'undici';
import { fetchOutputFolder } from './folders.ts';
import { fetchHistory, forgetHistory, type HistoryEntry } from './history.ts';
import { createHttp, parseBaseUrl, type Timeouts } from './http.ts';
import {
  type Begin,
  countPrompts,
  deletePending,
  type FreeOptions,
  freeMemory,
  interruptPrompt,
  listQueue,
  type PromptIds,
} from './queue.ts';
import type { QueueIds } from './queue-ids.ts';
import { type FetchedObjectInfo, fetchMaxUploadBytes, fetchObjectInfo } from './server-info.ts';
import { type ComfySocket, connectSocket, DEFAULT_SOCKET_OPTIONS, type SocketHandlers } from './socket.ts';
import { type Submission, type SubmitOutcome, submitPrompt } from './submit.ts';
import { fetchSystemStats, type SystemStats } from './system-stats.ts';
import { type Upload, type Uploaded, uploadFile } from './upload.ts';
import { type ViewedFile, type ViewRequest, viewFile } from './view.ts';

export interface ComfyClientOptions {
  /** http or https, with an optional path: `http://10.0.0.7:8188`. */
  baseUrl: string;
  clientIdPrefix?: string;
  timeouts?: Partial<Timeouts>;
  socket?: Partial<typeof DEFAULT_SOCKET_OPTIONS>;
  /** Sent with every request, for instances behind a door that asks for a key. */
  headers?: Record<string, string>;
  dispatcher?: Dispatcher;
}

export interface ComfyClient {
  submit(submission: Submission): Promise<SubmitOutcome>;
  queue(): Promise<QueueIds>;
  history(promptId: string): Promise<HistoryEntry | undefined>;
  forget(promptIds: readonly string[]): Promise<void>;
  interrupt(promptId: string, begin?: Begin): Promise<void>;
  deletePending(promptIds: PromptIds, begin?: Begin): Promise<void>;
  free(options: FreeOptions): Promise<void>;
  objectInfo(): Promise<FetchedObjectInfo>;
  systemStats(): Promise<SystemStats>;
  /** Where it says that its outputs go; to be believed only when a file is found there. */
  outputFolder(): Promise<string | undefined>;
  maxUploadBytes(): Promise<number | undefined>;
  promptCount(): Promise<number>;
  upload(upload: Upload): Promise<Uploaded>;
  view(request: ViewRequest): Promise<ViewedFile>;
  connect(handlers: SocketHandlers): Promise<ComfySocket>;
  /** Ends calls in flight and every socket. */
  close(): Promise<void>;
}

/**
 * @example
 * const client = createComfyClient({ baseUrl: 'http://127.0.0.1:8188' });
 * const socket = await client.connect({ onFrame: (frame) => { … }, onClose: (cause) => { … } });
 * const outcome = await client.submit({ promptId: randomUUID(), clientId: socket.clientId, graphJson });
 */
export function createComfyClient(options: ComfyClientOptions): ComfyClient {
  const http = createHttp(options);
  const wsUrl = new URL(parseBaseUrl(options.baseUrl));
  wsUrl.protocol = wsUrl.protocol === 'https:' ? 'wss:' : 'ws:';
  wsUrl.pathname = `${wsUrl.pathname.replace(/\/+$/, '')}/ws`;
  const closing = new AbortController();
  const socketOptions = {
    ...DEFAULT_SOCKET_OPTIONS,
    ...options.socket,
    url: wsUrl.href,
    clientIdPrefix: options.clientIdPrefix ?? '',
    headers: options.headers ?? {},
    signal: closing.signal,
  };
  return {
    submit: (submission) => submitPrompt(http, submission),
    queue: () => listQueue(http),
    history: (promptId) => fetchHistory(http, promptId),
    forget: (promptIds) => forgetHistory(http, promptIds),
    interrupt: (promptId, begin) => interruptPrompt(http, promptId, begin),
    deletePending: (promptIds, begin) => deletePending(http, promptIds, begin),
    free: (what) => freeMemory(http, what),
    objectInfo: () => fetchObjectInfo(http),
    systemStats: () => fetchSystemStats(http),
    outputFolder: () => fetchOutputFolder(http),
    maxUploadBytes: () => fetchMaxUploadBytes(http),
    promptCount: () => countPrompts(http),
    upload: (upload) => uploadFile(http, upload),
    view: (request) => viewFile(http, request),
    connect: (handlers) => connectSocket(socketOptions, handlers),
    async close() {
      closing.abort();
      await http.close();
    },
  };
}
