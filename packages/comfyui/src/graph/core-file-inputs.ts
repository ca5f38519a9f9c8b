// Which inputs of ComfyUI's own loaders name a file or folder of its input folder, whatever an object_info says of them: a
// caller may bring an object_info of its own, and a name that leads elsewhere must be found all the same. Called by
// prepared.ts.

import type { JsonValue } from '../json.ts';
import { linkedNode, unwrapValue } from './links.ts';
import type { Graph } from './parse.ts';

export interface NamedFile {
  nodeId: string;
  name: string;
  /** Everything in this folder is read. */
  isFolder: boolean;
  value: string;
}

/** `Class.input` → what it names. */
const CORE_FILE_INPUTS: ReadonlyMap<string, 'file' | 'folder'> = new Map([
  ['Load3D.model_file', 'file'],
  ['Load3DAnimation.model_file', 'file'],
  ['LoadAudio.audio', 'file'],
  ['LoadImage.image', 'file'],
  ['LoadImageMask.image', 'file'],
  ['LoadImageOutput.image', 'file'],
  ['LoadImageDataSetFromFolder.folder', 'folder'],
  ['LoadImageSetFromFolderNode.folder', 'folder'],
  ['LoadImageTextDataSetFromFolder.folder', 'folder'],
  ['LoadImageTextSetFromFolderNode.folder', 'folder'],
  ['LoadLatent.latent', 'file'],
  ['LoadVideo.file', 'file'],
  ['RecordAudio.audio', 'file'],
  ['WebcamCapture.image', 'file'],
]);

/** They hand on the text of this input as it is, so a name may come through them. */
const TEXT_INPUTS: ReadonlyMap<string, string> = new Map([
  ['ConvertStringToComboNode', 'string'],
  ['CustomCombo', 'choice'],
  ['PrimitiveString', 'value'],
  ['PrimitiveStringMultiline', 'value'],
]);
const LONGEST_WAY = 8;

/** May this literal change what listNamedFiles answers? */
export function mayNameFile(classType: string, name: string): boolean {
  return CORE_FILE_INPUTS.has(`${classType}.${name}`) || TEXT_INPUTS.get(classType) === name;
}

export function listNamedFiles(graph: Graph): NamedFile[] {
  const found: NamedFile[] = [];
  for (const [nodeId, { class_type: classType, inputs }] of Object.entries(graph)) {
    for (const [name, given] of Object.entries(inputs)) {
      const kind = CORE_FILE_INPUTS.get(`${classType}.${name}`);
      if (kind === undefined) continue;
      const value = textOf(graph, given, LONGEST_WAY);
      if (value !== undefined) found.push({ nodeId, name, isFolder: kind === 'folder', value });
    }
  }
  return found;
}

/** A literal, or the one at the end of a way through nodes that hand it on. */
function textOf(graph: Graph, given: JsonValue, steps: number): string | undefined {
  const value = unwrapValue(given);
  if (typeof value === 'string') return value;
  const nodeId = linkedNode(value);
  const node = nodeId !== undefined && Object.hasOwn(graph, nodeId) ? graph[nodeId] : undefined;
  const name = node && TEXT_INPUTS.get(node.class_type);
  if (node === undefined || name === undefined || steps === 0 || !Object.hasOwn(node.inputs, name)) return undefined;
  return textOf(graph, node.inputs[name] ?? null, steps - 1);
}
