// The object_info entry of each implemented node, parsed from the recorded text. Called by nodes when they define themselves.
import { type NodeInfo, parseJson } from '@comfleet/comfyui';
import { NODE_INFO_JSON } from './node-info-json.ts';

const ENTRIES = parseJson(NODE_INFO_JSON) as unknown as Record<string, NodeInfo>;

export function nodeInfo(classType: string): NodeInfo {
  const info = Object.hasOwn(ENTRIES, classType) ? ENTRIES[classType] : undefined;
  if (!info) throw new Error(`no object_info entry is recorded for ${classType}`);
  return info;
}

/** The entry with the first required input's combo list replaced, for inputs that list a folder. */
export function withOptions(info: NodeInfo, inputName: string, options: string[]): NodeInfo {
  const required = info.input?.required ?? {};
  const entry = required[inputName];
  const rest = Array.isArray(entry) ? entry.slice(1) : [];
  return { ...info, input: { ...info.input, required: { ...required, [inputName]: [options, ...rest] } } };
}
