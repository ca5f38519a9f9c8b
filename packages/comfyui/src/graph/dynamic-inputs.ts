// Expands V3 dynamic inputs (autogrow, dynamic combo, dynamic slot) with the values a node really has, as newer
// ComfyUI does before it validates: the graph then holds dotted keys such as `images.image0`. Called by the node checks.

import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type InputSpec, listInputs, type NodeInfo, readInput } from '../object-info.ts';
import { equalsPython } from './python-value.ts';

export interface NodeInputs {
  specs: readonly InputSpec[];
  /** Names of dynamic inputs that only the back end can judge; they and their dotted keys are left alone. */
  open: readonly string[];
}

const DYNAMIC = /^COMFY_\w+_V3$/;
// Not dynamic in their keys: plain inputs whose type is decided by what is linked.
const PLAIN_V3: ReadonlySet<string> = new Set(['COMFY_MATCHTYPE_V3', 'COMFY_MULTITYPED_V3']);
const MAX_GROWN = 1_000;
const MAX_NESTING = 8;

export function isDynamicType(type: string): boolean {
  return DYNAMIC.test(type) && !PLAIN_V3.has(type);
}

// Asked for every node of every graph.
const isDynamicOfInfo = new WeakMap<NodeInfo, boolean>();

export function hasDynamicInputs(info: NodeInfo): boolean {
  let isDynamic = isDynamicOfInfo.get(info);
  if (isDynamic === undefined) {
    isDynamic = listInputs(info).some(({ type }) => isDynamicType(type));
    isDynamicOfInfo.set(info, isDynamic);
  }
  return isDynamic;
}

// An object_info may be a caller's own.
const mostOfInfo = new WeakMap<NodeInfo, number>();

/** How many inputs a node of this class can have at most; a long list of choices counts as several. */
export function countInputs(info: NodeInfo): number {
  let most = mostOfInfo.get(info);
  if (most === undefined) {
    most = countSpecs(listInputs(info), 0);
    mostOfInfo.set(info, most);
  }
  return most;
}

/** A value is compared with each of them. */
const CHOICES_AS_INPUT = 500;

function weigh(choices: readonly JsonValue[] | undefined): number {
  return Math.floor((choices?.length ?? 0) / CHOICES_AS_INPUT);
}

function countSpecs(specs: readonly InputSpec[], nesting: number): number {
  let sum = 0;
  for (const { type, opts, options: choices } of specs) {
    sum += 1 + weigh(choices);
    if (nesting >= MAX_NESTING) continue;
    const [template, options] = [opts['template'], opts['options']];
    if (type === 'COMFY_AUTOGROW_V3' && isJsonObject(template)) {
      sum += grownNames(template).length * (1 + weigh(listNested(template['input'])[0]?.options));
    }
    if (type === 'COMFY_DYNAMICSLOT_V3') sum += countSpecs(listNested(opts['inputs']), nesting + 1);
    else if (type === 'COMFY_DYNAMICCOMBO_V3' && Array.isArray(options)) {
      sum += weigh(options);
      sum += options.reduce<number>(
        (most, option) =>
          isJsonObject(option) ? Math.max(most, countSpecs(listNested(option['inputs']), nesting + 1)) : most,
        0,
      );
    }
  }
  return sum;
}

/** The inputs of this class for a node with these values. */
export function resolveInputs(info: NodeInfo, live: JsonObject): NodeInputs {
  const declared = listInputs(info);
  if (!hasDynamicInputs(info)) return { specs: declared, open: [] };
  const found: { specs: InputSpec[]; open: string[] } = { specs: [], open: [] };
  expand(declared, { live, prefix: '', nesting: 0, found });
  return found;
}

interface Expansion {
  live: JsonObject;
  prefix: string;
  nesting: number;
  found: { specs: InputSpec[]; open: string[] };
}

function expand(specs: readonly InputSpec[], at: Expansion): void {
  for (const spec of specs) {
    const key = at.prefix + spec.name;
    const named = { ...spec, name: key };
    const inner = { ...at, prefix: `${key}.`, nesting: at.nesting + 1 };
    if (!isDynamicType(spec.type)) at.found.specs.push(named);
    else if (inner.nesting > MAX_NESTING) at.found.open.push(key);
    else if (spec.type === 'COMFY_AUTOGROW_V3') grow(spec, inner);
    else if (spec.type === 'COMFY_DYNAMICCOMBO_V3') choose(named, inner);
    else if (spec.type === 'COMFY_DYNAMICSLOT_V3') {
      if (!Object.hasOwn(at.live, key)) continue;
      at.found.specs.push(named);
      expand(listNested(spec.opts['inputs']), inner);
    } else at.found.open.push(key);
  }
}

function grow(spec: InputSpec, at: Expansion): void {
  const template = spec.opts['template'];
  const inner = isJsonObject(template) ? listNested(template['input'])[0] : undefined;
  if (!isJsonObject(template) || inner === undefined) {
    at.found.open.push(at.prefix.slice(0, -1));
    return;
  }
  const minimum = typeof template['min'] === 'number' ? template['min'] : 0;
  grownNames(template).forEach((name, index) => {
    const category = index < minimum && inner.category === 'required' ? 'required' : 'optional';
    at.found.specs.push({ ...inner, name: at.prefix + name, category });
  });
}

function grownNames(template: JsonObject): string[] {
  const names = template['names'];
  if (Array.isArray(names)) return names.filter((name) => typeof name === 'string');
  const prefix = typeof template['prefix'] === 'string' ? template['prefix'] : '';
  const maximum = typeof template['max'] === 'number' ? Math.min(template['max'], MAX_GROWN) : 0;
  return Array.from({ length: maximum }, (_, index) => `${prefix}${index}`);
}

function choose(spec: InputSpec, at: Expansion): void {
  const chosen = Object.hasOwn(at.live, spec.name) ? at.live[spec.name] : undefined;
  const options = Array.isArray(spec.opts['options']) ? spec.opts['options'] : [];
  const option = options.find(
    (each) => chosen !== undefined && isJsonObject(each) && equalsPython(each['key'] ?? null, chosen),
  );
  if (!isJsonObject(option)) {
    at.found.open.push(spec.name);
    return;
  }
  at.found.specs.push(spec);
  expand(listNested(option['inputs']), at);
}

function listNested(inputs: JsonValue | undefined): InputSpec[] {
  if (!isJsonObject(inputs)) return [];
  return (['required', 'optional'] as const).flatMap((category) => {
    const entries = inputs[category];
    return isJsonObject(entries)
      ? Object.entries(entries).map(([name, entry]) => readInput(name, category, entry))
      : [];
  });
}
