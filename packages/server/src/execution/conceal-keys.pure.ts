// What a failed run says, without the keys that came in its extra_data: a node may put one into its exception, and what
// failed is listed and sent to webhooks. Called by settle.ts.
import { isJsonObject, parseJson } from '@comfleet/comfyui';

const KEY_NAME = /key|token|secret|password|auth/i;
/** Shorter ones are found in words that are no keys. */
const KEY_CHARACTERS = 8;

export function concealKeys<F extends { readonly details: string; readonly debugInfo: string }>(
  failure: F,
  extraData: string | undefined,
): F {
  const keys = extraData === undefined ? [] : listKeys(extraData);
  if (keys.length === 0) return failure;
  const conceal = (text: string) => keys.reduce((shown, key) => shown.replaceAll(key, '[redacted]'), text);
  return { ...failure, details: conceal(failure.details), debugInfo: conceal(failure.debugInfo) };
}

function listKeys(extraData: string): string[] {
  const data = parseJson(extraData);
  if (!isJsonObject(data)) return [];
  return Object.entries(data).flatMap(([name, value]) => {
    return typeof value === 'string' && KEY_NAME.test(name) && value.length >= KEY_CHARACTERS ? [value] : [];
  });
}
