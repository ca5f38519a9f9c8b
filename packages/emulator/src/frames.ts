// The websocket frames of a running prompt, byte for byte as ComfyUI 0.3.64 writes them. Called by the runner.
import type { PreviewImage } from './execution/protocol.ts';
import { dumpString, dumps } from './python/dumps.pure.ts';

export function textFrame(type: string, data: unknown): string {
  return `{"type": "${type}", "data": ${dumps(data)}}`;
}

export function statusFrame(queueRemaining: number): string {
  return `{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": ${queueRemaining}}}}}`;
}

export interface ProgressEntry {
  /** As python prints it: 0.0 at a node's start, an int once the node has reported progress. */
  value: string;
  max: string;
  state: 'running' | 'finished';
}

export function progressStateFrame(promptId: string, nodes: ReadonlyMap<string, ProgressEntry>): string {
  const prompt = dumpString(promptId);
  let text = '';
  for (const [nodeId, { value, max, state }] of nodes) {
    const id = dumpString(nodeId);
    text +=
      `${text === '' ? '' : ', '}${id}: {"value": ${value}, "max": ${max}, "state": "${state}", "node_id": ${id}, ` +
      `"prompt_id": ${prompt}, "display_node_id": ${id}, "parent_node_id": null, "real_node_id": ${id}}`;
  }
  return `{"type": "progress_state", "data": {"prompt_id": ${prompt}, "nodes": {${text}}}}`;
}

const PREVIEW_IMAGE = 1;
const PREVIEW_IMAGE_WITH_METADATA = 4;

/** Binary event 1: no ids, the receiver has to guess the node. */
export function plainPreviewFrame({ format, bytes }: PreviewImage): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(PREVIEW_IMAGE, 0);
  head.writeUInt32BE(format === 'jpeg' ? 1 : 2, 4);
  return Buffer.concat([head, bytes]);
}

/** Binary event 4, for clients that announced supports_preview_metadata. */
export function previewFrameWithMetadata(promptId: string, { nodeId, format, bytes }: PreviewImage): Buffer {
  const metadata = Buffer.from(
    dumps({
      node_id: nodeId,
      prompt_id: promptId,
      display_node_id: nodeId,
      parent_node_id: null,
      real_node_id: nodeId,
      image_type: `image/${format}`,
    }),
  );
  const head = Buffer.alloc(8);
  head.writeUInt32BE(PREVIEW_IMAGE_WITH_METADATA, 0);
  head.writeUInt32BE(metadata.length, 4);
  return Buffer.concat([head, metadata, bytes]);
}
