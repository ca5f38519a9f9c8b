// A stored graph → the same, its media URLs without their queries, which may be keys. Called by describe-request.ts.
import { isJsonObject, type JsonValue } from '@comfleet/comfyui';

/** `media`: the URLs that media is fetched from; undefined when nobody can say, and then every URL counts as one. */
export function concealQueries<T extends JsonValue>(value: T, media: ReadonlySet<string> | undefined): T {
  if (media?.size === 0) return value;
  return conceal(value, media) as T;
}

function conceal(value: JsonValue, media: ReadonlySet<string> | undefined): JsonValue {
  if (typeof value === 'string') {
    const isMedia = media === undefined ? /^\s*https?:\/\//i.test(value) : media.has(value.trim());
    return isMedia ? value.replace(/\?.*$/s, '?…') : value;
  }
  if (Array.isArray(value)) return value.map((item) => conceal(item, media));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, conceal(item, media)]));
}
