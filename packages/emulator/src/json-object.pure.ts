// Tells JSON objects from arrays, null and lossless numbers. Used wherever a request or a graph is looked into.
import { type JsonObject, type JsonValue, LosslessNumber } from '@comfleet/comfyui';

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber);
}
