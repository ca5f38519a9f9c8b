// What counts as a link in a graph and which output may feed which input, as ComfyUI's execution and its
// validate_node_input decide it. Called by the input checks, reachability and pruning.

import { isJsonObject, type JsonValue, LosslessNumber } from '../json.ts';

/** A value that ComfyUI's executor follows: a list of a string and a number. */
export function isLink(value: JsonValue | undefined): value is [string, JsonValue] {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string') return false;
  const slot = value[1];
  return (
    typeof slot === 'number' || typeof slot === 'bigint' || typeof slot === 'boolean' || slot instanceof LosslessNumber
  );
}

/** The constant inside ComfyUI's `{"__value__": …}` wrapper, or the value itself. */
export function unwrapValue(value: JsonValue): JsonValue {
  return isJsonObject(value) && Object.hasOwn(value, '__value__') ? (value['__value__'] ?? null) : value;
}

/** The node that this input makes ComfyUI look up: a link, bare or inside the wrapper. */
export function linkedNode(value: JsonValue): string | undefined {
  const inner = unwrapValue(value);
  return isLink(inner) ? inner[0] : undefined;
}

export type TypeMatch = 'yes' | 'no' | 'maybe';

/** May an output of type `received` feed an input of type `wanted`? A list is an old-form combo. */
export function matchTypes(received: JsonValue | undefined, wanted: string | readonly JsonValue[]): TypeMatch {
  if (typeof received === 'string' && typeof wanted === 'string') return matchTypeNames(received, wanted);
  if (typeof received === 'string') return received === '*' ? 'maybe' : 'no';
  if (!Array.isArray(received)) return 'maybe';
  if (typeof wanted === 'string') return wanted === '*' ? 'maybe' : 'no';
  const isSame = received.length === wanted.length && received.every((item, index) => item === wanted[index]);
  return isSame ? 'yes' : 'no';
}

function matchTypeNames(received: string, wanted: string): TypeMatch {
  if (received === wanted || received === 'COMFY_MATCHTYPE_V3' || wanted === 'COMFY_MATCHTYPE_V3') return 'yes';
  const offered = splitTypes(received);
  if (splitTypes(wanted).some((type) => offered.includes(type))) return 'yes';
  // `*` is a plain string in some packs and matches everything in others; object_info shows the same for both.
  if (offered.includes('*') || wanted === '*' || wanted === '' || /^COMFY_\w+_V3$/.test(wanted)) return 'maybe';
  return 'no';
}

function splitTypes(type: string): string[] {
  return type.split(',').map((part) => part.trim());
}
