// Tells the outside what a running prompt does: websocket frames in ComfyUI's order, and the messages that later stand
// in the history entry. One per prompt, made by runner.ts; the rules of who hears what are ComfyUI's.
import type { ExecutionEvent, NodeFailure, PreviewImage } from './execution/protocol.ts';
import {
  plainPreviewFrame,
  previewFrameWithMetadata,
  type ProgressEntry,
  progressStateFrame,
  textFrame,
} from './frames.ts';
import type { Sockets } from './sockets.ts';

export interface RunReport {
  readonly messages: [string, unknown][];
  readonly runningNode: string | undefined;
  start(): void;
  event(event: ExecutionEvent): void;
  success(): void;
  failure(failure: NodeFailure): void;
  interrupted(at: { nodeId: string; nodeType: string; executed: string[] }): void;
  /** The end signal, once history can be read. */
  done(): void;
  /** A progress message out of turn, for the lie of that name. */
  lateProgress(): void;
}

interface ReportDeps {
  sockets: Sockets;
  now(): number;
  promptId: string;
  clientId: string | undefined;
  isSilentAboutOutputs: boolean;
}

export function createRunReport({ sockets, now, promptId, clientId, isSilentAboutOutputs }: ReportDeps): RunReport {
  const messages: [string, unknown][] = [];
  const nodes = new Map<string, ProgressEntry>();
  let runningNode: string | undefined;

  // Without a client these messages go to nobody, while progress and previews go to everybody.
  const sendToClient = (type: string, data: unknown) => {
    if (clientId !== undefined) sockets.send(textFrame(type, data), clientId);
  };

  function addMessage(type: string, data: object, isBroadcast = false): void {
    const message = { ...data, timestamp: now() };
    messages.push([type, message]);
    if (clientId !== undefined || isBroadcast) sockets.send(textFrame(type, message), clientId);
  }

  function setNode(nodeId: string, entry: ProgressEntry): void {
    nodes.set(nodeId, entry);
    sockets.send(progressStateFrame(promptId, nodes), clientId);
  }

  function started(nodeId: string): void {
    setNode(nodeId, { value: '0.0', max: '1.0', state: 'running' });
    runningNode = nodeId;
    sendToClient('executing', { node: nodeId, display_node: nodeId, prompt_id: promptId });
  }

  function progress(event: Extract<ExecutionEvent, { type: 'progress' }>): void {
    const { nodeId, value, max, preview } = event;
    setNode(nodeId, { value: String(value), max: String(max), state: 'running' });
    const image: PreviewImage | undefined = preview ? { nodeId, ...preview } : undefined;
    const hasMetadata = sockets.supportsPreviewMetadata(clientId);
    if (image && hasMetadata) sockets.send(previewFrameWithMetadata(promptId, image), clientId);
    sockets.send(textFrame('progress', { value, max, prompt_id: promptId, node: nodeId }), clientId);
    if (image && !hasMetadata) sockets.send(plainPreviewFrame(image), clientId);
  }

  function finished(nodeId: string, isCached: boolean): void {
    const max = isCached ? '1' : (nodes.get(nodeId)?.max ?? '1');
    setNode(nodeId, { value: max, max, state: 'finished' });
  }

  return {
    messages,
    get runningNode() {
      return runningNode;
    },
    start: () => addMessage('execution_start', { prompt_id: promptId }),
    event(event) {
      if (event.type === 'cached') addMessage('execution_cached', { nodes: event.nodes, prompt_id: promptId });
      if (event.type === 'started') started(event.nodeId);
      if (event.type === 'progress') progress(event);
      if (event.type === 'finished') finished(event.nodeId, event.isCached);
      if (event.type !== 'executed' || isSilentAboutOutputs) return;
      const { nodeId, output } = event;
      sendToClient('executed', { node: nodeId, display_node: nodeId, output, prompt_id: promptId });
    },
    success: () => addMessage('execution_success', { prompt_id: promptId }),
    failure: (failure) => addMessage('execution_error', { prompt_id: promptId, ...failureFields(failure) }),
    interrupted({ nodeId, nodeType, executed }) {
      const data = { prompt_id: promptId, node_id: nodeId, node_type: nodeType, executed };
      addMessage('execution_interrupted', data, true);
    },
    done() {
      runningNode = undefined;
      sendToClient('executing', { node: null, prompt_id: promptId });
    },
    lateProgress() {
      const node = nodes.keys().next().value ?? '1';
      sockets.send(textFrame('progress', { value: 1, max: 20, prompt_id: promptId, node }), clientId);
    },
  };
}

function failureFields(failure: NodeFailure): object {
  return {
    node_id: failure.nodeId,
    node_type: failure.nodeType,
    executed: failure.executed,
    exception_message: failure.exceptionMessage,
    exception_type: failure.exceptionType,
    traceback: failure.traceback,
    current_inputs: failure.currentInputs,
    current_outputs: failure.currentOutputs,
  };
}
