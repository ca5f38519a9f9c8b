// Nodes whose results ComfyUI reports nowhere: pictures sent over the websocket only, and model files that are written and
// never listed. run.ts asks before the prompt goes out, collect.ts looks for them.
import type { PreparedGraph } from '@comfleet/comfyui';

export interface SilentOutputs {
  /** Nodes whose preview frames are their results. */
  readonly frameNodes: ReadonlySet<string>;
  /** Where saved models are: relative to the instance's output folder, without the counter. */
  readonly modelPrefixes: readonly string[];
}

export const NO_SILENT_OUTPUTS: SilentOutputs = { frameNodes: new Set(), modelPrefixes: [] };

const FRAME_CLASSES = new Set(['SaveImageWebsocket']);
const MODEL_CLASSES = new Set(['CheckpointSave', 'ModelSave', 'VAESave', 'CLIPSave', 'LoraSave']);
// The text is looked through first: reading the graph again for every request would cost more than all the rest.
const MAY_BE_SILENT = new RegExp(`"class_type":\\s*"(?:${[...FRAME_CLASSES, ...MODEL_CLASSES].join('|')})"`);

export function findSilentOutputs(graphJson: string, prepared: PreparedGraph, folder: string): SilentOutputs {
  if (!MAY_BE_SILENT.test(graphJson)) return NO_SILENT_OUTPUTS;
  const frameNodes = new Set<string>();
  const modelPrefixes: string[] = [];
  for (const [nodeId, node] of Object.entries(prepared.graph())) {
    const prefix = node.inputs['filename_prefix'];
    if (FRAME_CLASSES.has(node.class_type)) frameNodes.add(nodeId);
    if (MODEL_CLASSES.has(node.class_type) && typeof prefix === 'string') modelPrefixes.push(`${folder}/${prefix}`);
  }
  return { frameNodes, modelPrefixes };
}

/** ComfyUI's name for the first file of a prefix; the folder is this attempt's own, so the first is the one. */
export function firstModelFile(prefix: string): { filename: string; subfolder: string; type: string } {
  const cut = prefix.lastIndexOf('/');
  return { filename: `${prefix.slice(cut + 1)}_00001_.safetensors`, subfolder: prefix.slice(0, cut), type: 'output' };
}
