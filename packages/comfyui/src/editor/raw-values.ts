// Reads members of an editor file that may be of any type, as its editor would take them. Called by read-file.ts and
// the files that look into a node's properties.

import { isJsonObject, type JsonObject, type JsonValue, LosslessNumber } from '../json.ts';

/** An own member; never one of the prototype's. */
export function own(value: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function listOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** An id is a number or a string, and `7` and `"7"` are the same one. */
export function idOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  const number = numberOf(value);
  if (number !== undefined) return String(number);
  return typeof value === 'bigint' ? String(value) : undefined;
}

export function numberOf(value: JsonValue | undefined): number | undefined {
  const number = value instanceof LosslessNumber ? value.valueOf() : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

export function slotIndexOf(value: JsonValue | undefined): number | undefined {
  const number = numberOf(typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value);
  return number !== undefined && Number.isInteger(number) && number >= 0 ? number : undefined;
}

/** A slot's type; several types stand in one string ("IMAGE,MASK"), a list of choices is a COMBO. */
export function slotTypeOf(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return 'COMBO';
  return numberOf(value) === undefined ? '*' : String(numberOf(value));
}
