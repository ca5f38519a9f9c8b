// Named parameters of a version: what one is, whether the declared ones fit the graph, and the JSON Schema of their
// values. Called by save-version.ts and versions.ts.
import type { Problem } from '@comfleet/api';
import {
  type CompiledGraph,
  findNodeInfo,
  type Graph,
  type InputSpec,
  inputKey,
  isJsonObject,
  isLink,
  type JsonObject,
  type JsonValue,
  LosslessNumber,
  listInputs,
  mediaKind,
  nearestNames,
  type ObjectInfo,
} from '@comfleet/comfyui';

/** A name for one input of one node. `default` is what runs when neither an override nor a value is given. */
export interface NamedParameter {
  readonly name: string;
  readonly node: string;
  readonly input: string;
  /** The input's type in object_info. */
  readonly type?: string;
  readonly label?: string;
  readonly description?: string;
  readonly default?: JsonValue;
}

/** Usable as a key of JSON and as a name in most languages. */
const PARAMETER_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

export function isParameterName(name: string): boolean {
  return PARAMETER_NAME.test(name) && !RESERVED.has(name);
}

export function specOf(graph: Graph, info: ObjectInfo, at: { node: string; input: string }): InputSpec | undefined {
  const classType = Object.hasOwn(graph, at.node) ? graph[at.node]?.class_type : undefined;
  const nodeInfo = classType === undefined ? undefined : findNodeInfo(info, classType);
  return nodeInfo === undefined ? undefined : listInputs(nodeInfo).find(({ name }) => name === at.input);
}

/** The parameter with what graph and object_info say of its input: its type, and the value that the graph has now. */
export function completeParameter(graph: Graph, info: ObjectInfo, parameter: NamedParameter): NamedParameter {
  const type = specOf(graph, info, parameter)?.type;
  const current = currentValue(graph, parameter);
  return {
    ...parameter,
    ...(type === undefined || type === '' ? {} : { type }),
    ...(parameter.default !== undefined || current === undefined ? {} : { default: current }),
  };
}

/** Undefined for a link, or when the graph leaves the input out. */
export function currentValue(graph: Graph, at: { node: string; input: string }): JsonValue | undefined {
  const inputs = Object.hasOwn(graph, at.node) ? graph[at.node]?.inputs : undefined;
  const value = inputs !== undefined && Object.hasOwn(inputs, at.input) ? inputs[at.input] : undefined;
  return value === undefined || isLink(value) ? undefined : value;
}

interface Declared {
  readonly parameters: readonly NamedParameter[];
  /** Where each stands in the body: by index in a list, by name in an object. */
  readonly placeOf: (index: number, name: string) => (string | number)[];
}

/** Every fault of the declarations: names, targets, and defaults that do not fit. */
export function checkDeclared({ parameters, placeOf }: Declared, graph: Graph, compiled: CompiledGraph): Problem[] {
  const problems: Problem[] = [];
  const targets = new Map<string, { name: string; place: (string | number)[] }>();
  const names = new Set<string>();
  for (const [index, parameter] of parameters.entries()) {
    const place = placeOf(index, parameter.name);
    const problem = checkName(parameter.name, names) ?? checkTarget(graph, parameter, targets);
    if (problem === undefined) {
      names.add(parameter.name);
      targets.set(inputKey(parameter.node, parameter.input), { name: parameter.name, place });
    } else {
      problems.push({ ...problem, loc: [...place, ...problem.loc] });
    }
  }
  return [...problems, ...checkValues(parameters, { graph, compiled, targets })];
}

function checkName(name: string, taken: ReadonlySet<string>): Problem | undefined {
  if (!isParameterName(name)) {
    const msg = `"${name.slice(0, 80)}" is no name for a parameter: a letter or _ first, then letters, digits, _ . or -, 64 characters at most.`;
    return { loc: ['name'], msg, type: 'invalid_name', input: name };
  }
  if (!taken.has(name)) return undefined;
  return { loc: ['name'], msg: `There are two parameters named "${name}".`, type: 'duplicate_name', input: name };
}

function checkTarget(
  graph: Graph,
  { name, node, input }: NamedParameter,
  targets: ReadonlyMap<string, { name: string }>,
): Problem | undefined {
  const other = targets.get(inputKey(node, input));
  if (other !== undefined) {
    const msg = `"${other.name}" stands for input ${input} of node ${node} already; an input has one name.`;
    return { loc: ['input'], msg, type: 'duplicate_target', input };
  }
  if (Object.hasOwn(graph, node)) return undefined;
  const near = nearestNames(node, Object.keys(graph)).slice(0, 2);
  const hint = near.length === 0 ? '' : ` Near it: ${near.join(', ')}.`;
  return {
    loc: ['node'],
    msg: `Parameter "${name}": the graph has no node ${node}.${hint}`,
    type: 'unknown_node',
    input: node,
  };
}

// The graph itself says, as it would of an override, whether the input exists, takes a literal and likes the default.
function checkValues(
  parameters: readonly NamedParameter[],
  at: { graph: Graph; compiled: CompiledGraph; targets: ReadonlyMap<string, { place: (string | number)[] }> },
): Problem[] {
  const overrides: JsonObject = {};
  for (const parameter of parameters) {
    if (!at.targets.has(inputKey(parameter.node, parameter.input))) continue;
    const value = parameter.default ?? currentValue(at.graph, parameter) ?? '';
    const known = overrides[parameter.node];
    const inputs = isJsonObject(known) && isJsonObject(known['inputs']) ? known['inputs'] : {};
    overrides[parameter.node] = { inputs: { ...inputs, [parameter.input]: value } };
  }
  const prepared = at.compiled.prepare(overrides);
  if (!('problems' in prepared)) return [];
  return prepared.problems.flatMap((problem): Problem[] => {
    const [head, node, , input] = problem.loc;
    const target = head === 'overrides' ? at.targets.get(inputKey(String(node), String(input))) : undefined;
    if (target === undefined) return [];
    const parameter = parameters.find((one) => one.node === node && one.input === input);
    const isOfDefault = parameter?.default !== undefined;
    // An input without a value of its own was tried with '': only what concerns its name is the declaration's fault.
    if (!isOfDefault && !['unknown_input', 'linked_input'].includes(problem.type)) return [];
    const isOfName = ['unknown_input', 'linked_input'].includes(problem.type);
    return [{ ...problem, loc: [...target.place, isOfName ? 'input' : 'default'] }];
  });
}

/** JSON Schema of an object with these parameters; all optional, none beside them. */
export function parametersSchema(parameters: readonly NamedParameter[], graph: Graph, info: ObjectInfo): JsonObject {
  const properties: JsonObject = {};
  for (const parameter of parameters) {
    const spec = specOf(graph, info, parameter);
    const description = describe(parameter, spec);
    properties[parameter.name] = {
      ...(spec === undefined ? {} : valueSchema(spec)),
      title: parameter.label ?? parameter.name,
      ...(description === '' ? {} : { description }),
      ...(parameter.default === undefined ? {} : { default: parameter.default }),
    };
  }
  return { type: 'object', properties, additionalProperties: false };
}

function describe({ description }: NamedParameter, spec: InputSpec | undefined): string {
  const kind = spec === undefined ? undefined : mediaKind(spec);
  const media =
    kind === undefined ? '' : `${kind}: an https:// URL, a data: URI, or the name of a file on the instance.`;
  const tooltip = typeof spec?.opts['tooltip'] === 'string' ? spec.opts['tooltip'] : '';
  return [description ?? tooltip, media].filter((part) => part !== '').join(' ');
}

/** Longer lists help nobody and make every answer long. */
const MAX_ENUM = 1_000;

function valueSchema(spec: InputSpec): JsonObject {
  if (mediaKind(spec) !== undefined) return { type: 'string' };
  switch (spec.type) {
    case 'INT':
      return { type: 'integer', ...range(spec) };
    case 'FLOAT':
      return { type: 'number', ...range(spec) };
    case 'STRING':
      return { type: 'string' };
    case 'BOOLEAN':
      return { type: 'boolean' };
    case 'COMBO': {
      const { options } = spec;
      const isShort = options !== undefined && options.length > 0 && options.length <= MAX_ENUM;
      return isShort && spec.opts['multiselect'] !== true && !isJsonObject(spec.opts['multi_select'])
        ? { enum: options }
        : {};
    }
    default:
      return {};
  }
}

function range({ opts }: InputSpec): JsonObject {
  const { min, max } = opts;
  return {
    ...(isNumeric(min) ? { minimum: min } : {}),
    ...(isNumeric(max) ? { maximum: max } : {}),
  };
}

// Python writes the bounds of a FLOAT as 0.0 and 1.0, which come as LosslessNumber.
function isNumeric(value: JsonValue | undefined): value is JsonValue {
  if (typeof value === 'bigint') return true;
  return (typeof value === 'number' || value instanceof LosslessNumber) && Number.isFinite(value.valueOf());
}
