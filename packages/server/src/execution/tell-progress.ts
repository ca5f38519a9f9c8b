// Keeps a live request's progress while its prompt runs, and tells those who watch it. Called by follow.ts with every frame.
import type { Frame, PreparedGraph } from '@comfleet/comfyui';
import { addNote, type LiveChange, type LiveRequest, publish } from '../requests/live.ts';
import type { Clock } from '../telemetry/clock.ts';
import { startProgress, takeFrame, takeNodeStates } from './progress.pure.ts';

const PROGRESS: LiveChange = { kind: 'progress' };

/** A new attempt starts from nothing. */
export function beginProgress(request: LiveRequest, prepared: PreparedGraph): void {
  const { classOf } = prepared;
  request.progress = startProgress({ attempt: request.losses + 1, nodesTotal: prepared.nodeCount(), classOf });
}

export function tellFrame(clock: Clock, request: LiveRequest, frame: Frame): void {
  const { progress } = request;
  if (progress === undefined) return;
  switch (frame.type) {
    case 'progress_state': {
      // The whole node map, many times a run: read only when somebody looks.
      if (request.watchers === undefined) return;
      const states = frame.parse();
      if (!Array.isArray(states)) return;
      takeNodeStates(progress, states, clock.now());
      break;
    }
    case 'execution_cached':
    case 'executing':
    case 'executed':
    case 'progress':
    case 'execution_success':
      takeFrame(progress, frame, clock.now());
      break;
    default:
      return;
  }
  if (frame.type === 'execution_cached') noteCached(request);
  publish(request, PROGRESS);
}

function noteCached(request: LiveRequest): void {
  const { progress } = request;
  if (progress === undefined || progress.nodesDone === 0) return;
  const message = `${progress.nodesDone} of ${progress.nodesTotal} nodes are taken from the instance's cache.`;
  addNote(request, { level: 'info', message });
}

interface Preview {
  readonly nodeId: string;
  readonly image: Buffer;
  readonly contentType: string;
}

export function tellPreview(request: LiveRequest, preview: Preview): void {
  if (request.watchers !== undefined) publish(request, { kind: 'preview', ...preview });
}
