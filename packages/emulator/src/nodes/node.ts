// What a node of the emulator is: its object_info entry, and the work it does on images held as float tensors.
// Each node file exports definitions of this shape; nodes/index.ts collects them, the executor's worker runs them.
// A node fails by throwing a PythonError, whose type ComfyUI would report as exception_type.
import type { NodeInfo } from '@comfleet/comfyui';

/** Pixels in NHWC order, nominally 0..1; `channels` is 3, or 4 where a node made alpha. */
export interface ImageTensor {
  kind: 'image';
  batch: number;
  height: number;
  width: number;
  channels: number;
  data: Float32Array;
}

export interface MaskTensor {
  kind: 'mask';
  batch: number;
  height: number;
  width: number;
  data: Float32Array;
}

export interface NodeDirectories {
  inputDir: string;
  outputDir: string;
  tempDir: string;
}

/** Everything a node may know of its surroundings. Only plain data and callbacks, so that it crosses a worker boundary. */
export interface NodeContext extends NodeDirectories {
  nodeId: string;
  promptId: string;
  /** The whole API graph as submitted, for the PNG's `prompt` chunk. */
  prompt: unknown;
  /** `extra_data.extra_pnginfo`: each key becomes a PNG text chunk. */
  extraPnginfo?: Record<string, unknown>;
  progress(value: number, max: number): void;
  signal: AbortSignal;
  sendImage?(png: Uint8Array): void;
}

export interface NodeResult {
  outputs: unknown[];
  ui?: Record<string, unknown[]>;
}

export type NodeInputs = Record<string, unknown>;

export interface NodeDefinition {
  classType: string;
  /** The object_info entry, exactly as ComfyUI answers it. */
  info: NodeInfo;
  /** The entry as it is now, for nodes whose combo lists a folder's files. Where absent, `info` is it. */
  liveInfo?(dirs: NodeDirectories): Promise<NodeInfo>;
  run(inputs: NodeInputs, context: NodeContext): Promise<NodeResult>;
  /** ComfyUI's IS_CHANGED: while this text stays the same, a cached result may be used. */
  fingerprint?(inputs: NodeInputs, dirs: NodeDirectories): Promise<string>;
  /** ComfyUI's VALIDATE_INPUTS: `true`, or the text of a custom_validation_failed error. */
  validate?(inputs: NodeInputs, dirs: NodeDirectories): Promise<true | string>;
  /** Inputs that `validate` names, which ComfyUI therefore does not check against their combo list. */
  validatedInputs?: string[];
}
