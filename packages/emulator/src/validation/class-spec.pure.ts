// What validation asks of a node class, read once from its object_info entry: its inputs with their raw config, its
// output types, and whether python holds those in a tuple (V1) or a list (V3), which its IndexError texts reveal.
import type { JsonObject, JsonValue, NodeInfo } from '@comfleet/comfyui';
import { LosslessNumber } from '@comfleet/comfyui';

export interface ClassInput {
  name: string;
  isRequired: boolean;
  /** A type name, or the options of an old-form combo. */
  type: JsonValue;
  options: JsonObject;
  /** `[type, options]` as ComfyUI echoes it in `input_config`. */
  config: JsonValue[];
}

export interface ClassSpec {
  inputs: ClassInput[];
  inputNames: Set<string>;
  outputs: JsonValue[];
  sequence: 'tuple' | 'list';
  isOutput: boolean;
}

export function readClassSpec(info: NodeInfo): ClassSpec {
  const inputs = [...readInputs(info.input?.required, true), ...readInputs(info.input?.optional, false)];
  return {
    inputs,
    inputNames: new Set(inputs.map((input) => input.name)),
    outputs: info.output ?? [],
    sequence: info.api_node === undefined ? 'tuple' : 'list',
    isOutput: info.output_node === true,
  };
}

function readInputs(entries: JsonObject | undefined, isRequired: boolean): ClassInput[] {
  return Object.entries(entries ?? {}).map(([name, entry]) => {
    const [type = '', given] = Array.isArray(entry) ? entry : [entry];
    const options = isObject(given) ? given : {};
    return { name, isRequired, type, options, config: [type, options] };
  });
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber);
}
