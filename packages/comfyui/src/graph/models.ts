// Which model files a graph loads, so that a request can go where they are loaded already. Called once per version and
// when an override may change the answer.

import type { JsonValue } from '../json.ts';
import { findNodeInfo, listInputs, type ObjectInfo } from '../object-info.ts';
import { CORE_MODEL_INPUTS } from './core-model-inputs.ts';
import { unwrapValue } from './links.ts';
import type { Graph } from './parse.ts';

const MODEL_FILE = /\.(?:safetensors|ckpt|pt2?|pth|bin|sft|gguf|pkl|onnx)$/i;
const EMBEDDING = /\bembedding:([^\s,()[\]{}:]+)/g;
// Heaviest first: a base model in memory is worth more than a LoRA that is patched into it.
const WEIGHT_ORDER = [
  'checkpoints',
  'diffusion_models',
  'text_encoders',
  'controlnet',
  'clip_vision',
  'upscale_models',
  'vae',
  'loras',
];

// The folders' own listings, as the core loaders show them; built once per object_info.
const foldersOfInfo = new WeakMap<ObjectInfo, ReadonlyMap<string, string>>();

/** `folder/file` for each model, heaviest first; `models/file` when the folder cannot be told. */
export function listModels(graph: Graph, info: ObjectInfo): string[] {
  const found = new Set<string>();
  for (const { class_type: classType, inputs } of Object.values(graph)) {
    for (const [name, given] of Object.entries(inputs)) {
      const value = unwrapValue(given);
      if (typeof value !== 'string') continue;
      for (const model of readModels(info, { classType, name, value })) found.add(model);
    }
  }
  return [...found].sort((a, b) => weightOf(a) - weightOf(b) || (a < b ? -1 : 1));
}

function readModels(info: ObjectInfo, at: { classType: string; name: string; value: string }): string[] {
  if (at.value === '') return [];
  const folder = CORE_MODEL_INPUTS.get(`${at.classType}.${at.name}`);
  if (folder !== undefined) return [`${folder}/${at.value}`];
  if (MODEL_FILE.test(at.value)) return [`${folderOf(info, at.value)}/${at.value}`];
  return [...at.value.matchAll(EMBEDDING)].map(([, embedding]) => `embeddings/${embedding}`);
}

/** May this literal change what listModels answers? */
export function mayNameModel(classType: string, name: string, value: JsonValue): boolean {
  if (CORE_MODEL_INPUTS.has(`${classType}.${name}`)) return true;
  return typeof value === 'string' && (MODEL_FILE.test(value) || value.includes('embedding:'));
}

function weightOf(model: string): number {
  const place = WEIGHT_ORDER.indexOf(model.slice(0, model.indexOf('/')));
  return place < 0 ? WEIGHT_ORDER.length : place;
}

function folderOf(info: ObjectInfo, file: string): string {
  let folders = foldersOfInfo.get(info);
  if (folders === undefined) {
    folders = readFolders(info);
    foldersOfInfo.set(info, folders);
  }
  return folders.get(file) ?? 'models';
}

function readFolders(info: ObjectInfo): ReadonlyMap<string, string> {
  const folders = new Map<string, string>();
  for (const [place, folder] of CORE_MODEL_INPUTS) {
    const [classType = '', inputName] = place.split('.');
    const nodeInfo = findNodeInfo(info, classType);
    const spec = nodeInfo === undefined ? undefined : listInputs(nodeInfo).find(({ name }) => name === inputName);
    for (const option of spec?.options ?? []) {
      if (typeof option === 'string' && !folders.has(option)) folders.set(option, folder);
    }
  }
  return folders;
}
