// Reads ComfyUI's object_info: which inputs a class takes, in both notations (old list combos, V3 COMBO), tolerating
// what custom nodes put there. Called by the graph functions, the converter and the emulator.

import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

export interface NodeInfo {
  input?: { required?: JsonObject; optional?: JsonObject; hidden?: JsonObject };
  input_order?: { required?: string[]; optional?: string[]; hidden?: string[] };
  /** An entry may itself be a list (a combo output). */
  output?: JsonValue[];
  output_is_list?: boolean[];
  output_name?: JsonValue[];
  name?: string;
  display_name?: string;
  description?: string;
  python_module?: string;
  category?: string;
  output_node?: boolean;
  deprecated?: boolean;
  experimental?: boolean;
  api_node?: boolean;
}

export type ObjectInfo = { [classType: string]: NodeInfo };

export interface InputSpec {
  name: string;
  category: 'required' | 'optional';
  /** 'COMBO' for both notations; '' when the entry is malformed. */
  type: string;
  options: JsonValue[] | undefined;
  opts: JsonObject;
  isOldCombo: boolean;
}

export type MediaKind = 'image' | 'video' | 'audio' | 'file';

const MEDIA_FLAGS: readonly (readonly [string, MediaKind])[] = [
  ['image_upload', 'image'],
  ['animated_image_upload', 'image'],
  ['video_upload', 'video'],
  ['audio_upload', 'audio'],
  ['file_upload', 'file'],
  ['mesh_upload', 'file'],
  ['upload', 'file'],
];

// Reading a class's entries costs microseconds and every graph of a version asks for the same classes.
const specsOfInfo = new WeakMap<NodeInfo, readonly InputSpec[]>();

/** The class's entry, or undefined; never an inherited member such as `constructor`. */
export function findNodeInfo(info: ObjectInfo, classType: string): NodeInfo | undefined {
  return Object.hasOwn(info, classType) ? info[classType] : undefined;
}

/** The inputs a class declares (required, then optional, in the order it shows them). Dynamic V3 inputs stay unexpanded. */
export function listInputs(info: NodeInfo): readonly InputSpec[] {
  const known = specsOfInfo.get(info);
  if (known !== undefined) return known;
  const specs = [...listCategory(info, 'required'), ...listCategory(info, 'optional')];
  specsOfInfo.set(info, specs);
  return specs;
}

function listCategory(info: NodeInfo, category: 'required' | 'optional'): InputSpec[] {
  const entries = info.input?.[category];
  if (!isJsonObject(entries)) return [];
  const order = info.input_order?.[category];
  const names = new Set<string>(Array.isArray(order) ? order.filter((name) => Object.hasOwn(entries, name)) : []);
  for (const name of Object.keys(entries)) names.add(name);
  return [...names].map((name) => readInput(name, category, entries[name]));
}

/** One `[type, opts]` entry of object_info; a malformed one has the type ''. */
export function readInput(name: string, category: 'required' | 'optional', entry: JsonValue | undefined): InputSpec {
  const type = Array.isArray(entry) ? entry[0] : undefined;
  const second = Array.isArray(entry) ? entry[1] : undefined;
  const opts = isJsonObject(second) ? second : {};
  if (Array.isArray(type)) return { name, category, type: 'COMBO', options: type, opts, isOldCombo: true };
  const listed = type === 'COMBO' && Array.isArray(opts['options']) ? opts['options'] : undefined;
  return { name, category, type: typeof type === 'string' ? type : '', options: listed, opts, isOldCombo: false };
}

/** What kind of file the input wants uploaded, or undefined for an ordinary input. */
export function mediaKind(spec: InputSpec): MediaKind | undefined {
  for (const [flag, kind] of MEDIA_FLAGS) if (spec.opts[flag] === true) return kind;
  if (spec.type === 'WEBCAM') return 'image';
  if (spec.type === 'AUDIO_RECORD') return 'audio';
  return undefined;
}

/** True for classes that are not ComfyUI's own: they may judge their inputs in ways object_info does not show. */
export function isCustomNode(info: NodeInfo): boolean {
  return !/^(?:nodes|comfy_extras|comfy_api_nodes)(?:\.|$)/.test(info.python_module ?? '');
}
