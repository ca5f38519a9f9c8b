// Whether a link's output type fits an input, as ComfyUI 0.3.64 decides it (validate_node_input, not strict).
// Called by the validator for every link.
import type { JsonValue } from '@comfleet/comfyui';
import { isEqual } from '../python/coerce.pure.ts';

export function isTypeMatch(received: JsonValue, wanted: JsonValue): boolean {
  if (typeof received !== 'string' || typeof wanted !== 'string') return isEqual(received, wanted);
  // Only PreviewAny.source takes anything here, and its "*" is the kind that overrides python's comparison.
  if (received === wanted || received === '*' || wanted === '*') return true;
  const wantedTypes = split(wanted);
  return split(received).some((type) => wantedTypes.includes(type));
}

const split = (types: string) => types.split(',').map((type) => type.trim());
