// Tells the outside what a running prompt does: websocket frames in ComfyUI's order, and the messages that later stand
// in the history entry. One per prompt, made by runner.ts; the rules of who hears what are ComfyUI's.
import { parseJson } from '@comfleet/comfyui';
import type { ExecutionEvent, NodeFailure } from './execution/protocol.ts';
import {
  type ProgressEntry,
  plainPreviewFrame,
  previewFrameWithMetadata,
  progressStateFrame,
  textFrame,
} from './frames.ts';
import type { Sockets } from './sockets.ts';

export interface RunReport {
  readonly messages: [string, unknown][];
  runningNode(): string | undefined;
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

interface State extends ReportDeps {
  messages: [string, unknown][];
  nodes: Map<string, ProgressEntry>;
  runningNode: string | undefined;
}

export function createRunReport(deps: ReportDeps): RunReport {
  const { promptId } = deps;
  const state: State = { ...deps, messages: [], nodes: new Map(), runningNode: undefined };
  return {
    messages: state.messages,
    runningNode: () => state.runningNode,
    start: () => addMessage(state, 'execution_start', { prompt_id: promptId }),
    event: (event) => tell(state, event),
    success: () => addMessage(state, 'execution_success', { prompt_id: promptId }),
    failure: (failure) => addMessage(state, 'execution_error', { prompt_id: promptId, ...failureFields(failure) }),
    interrupted({ nodeId, nodeType, executed }) {
      const data = { prompt_id: promptId, node_id: nodeId, node_type: nodeType, executed };
      addMessage(state, 'execution_interrupted', data);
    },
    done() {
      state.runningNode = undefined;
      sendToClient(state, 'executing', { node: null, prompt_id: promptId });
    },
    lateProgress() {
      const node = state.nodes.keys().next().value ?? '1';
      const data = { value: 1, max: 20, prompt_id: promptId, node };
      state.sockets.send(textFrame('progress', data), state.clientId);
    },
  };
}

/** For prompts with a client only; progress and previews of a prompt without one go to everybody instead. */
function sendToClient({ sockets, clientId }: State, type: string, data: unknown): void {
  if (clientId !== undefined) sockets.send(textFrame(type, data), clientId);
}

function addMessage(state: State, type: string, data: object): void {
  const message = { ...data, timestamp: state.now() };
  state.messages.push([type, message]);
  if (type === 'execution_interrupted') state.sockets.send(textFrame(type, message), state.clientId);
  else sendToClient(state, type, message);
}

function tell(state: State, event: ExecutionEvent): void {
  const { promptId } = state;
  switch (event.type) {
    case 'cached':
      addMessage(state, 'execution_cached', { nodes: event.nodes, prompt_id: promptId });
      break;
    case 'started':
      setNode(state, event.nodeId, { value: '0.0', max: '1.0', state: 'running' });
      state.runningNode = event.nodeId;
      sendToClient(state, 'executing', { node: event.nodeId, display_node: event.nodeId, prompt_id: promptId });
      break;
    case 'progress':
      tellProgress(state, event);
      break;
    case 'executed': {
      if (state.isSilentAboutOutputs) break;
      const { nodeId, output } = event;
      sendToClient(state, 'executed', { node: nodeId, display_node: nodeId, output, prompt_id: promptId });
      break;
    }
    case 'finished': {
      const max = event.isCached ? '1' : (state.nodes.get(event.nodeId)?.max ?? '1');
      setNode(state, event.nodeId, { value: max, max, state: 'finished' });
      break;
    }
    case 'crash':
      break;
  }
}

function setNode(state: State, nodeId: string, entry: ProgressEntry): void {
  state.nodes.set(nodeId, entry);
  state.sockets.send(progressStateFrame(state.promptId, state.nodes), state.clientId);
}

function tellProgress(state: State, event: Extract<ExecutionEvent, { type: 'progress' }>): void {
  const { sockets, clientId, promptId } = state;
  const { nodeId, value, max, preview } = event;
  setNode(state, nodeId, { value: String(value), max: String(max), state: 'running' });
  const image = preview ? { nodeId, ...preview } : undefined;
  const hasMetadata = sockets.supportsPreviewMetadata(clientId);
  if (image && hasMetadata) sockets.send(previewFrameWithMetadata(promptId, image), clientId);
  sockets.send(textFrame('progress', { value, max, prompt_id: promptId, node: nodeId }), clientId);
  if (image && !hasMetadata) sockets.send(plainPreviewFrame(image), clientId);
}

function failureFields(failure: NodeFailure): object {
  return {
    node_id: failure.nodeId,
    node_type: failure.nodeType,
    executed: failure.executed,
    exception_message: failure.exceptionMessage,
    exception_type: failure.exceptionType,
    traceback: failure.traceback,
    current_inputs: parseJson(failure.currentInputsText),
    current_outputs: failure.currentOutputs,
  };
}
