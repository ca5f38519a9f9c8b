// python's json.dumps with its default settings (", " and ": " between parts, non-ASCII escaped): the text of every
// answer and websocket frame of the emulator. Clients that match frames by their bytes see what ComfyUI would send.
import { LosslessNumber } from '@comfleet/comfyui';
import { jsonFloat, toDouble } from './numbers.pure.ts';

const NEEDS_ASCII = /[\u007f-\uffff]/;
const NON_ASCII = /[\u007f-\uffff]/g;

export function dumps(value: unknown): string {
  if (typeof value === 'string') return dumpString(value);
  if (typeof value === 'number') return dumpNumber(value);
  if (typeof value !== 'object' || value === null) return dumpPlain(value);
  if (Array.isArray(value)) return dumpArray(value);
  if (value instanceof LosslessNumber) return jsonFloat(toDouble(value));
  return dumpObject(value);
}

function dumpPlain(value: unknown): string {
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return 'null';
}

function dumpNumber(value: number): string {
  return Number.isInteger(value) ? String(value + 0) : jsonFloat(value);
}

export function dumpString(value: string): string {
  const text = JSON.stringify(value);
  if (!NEEDS_ASCII.test(text)) return text;
  return text.replace(NON_ASCII, (char) =>
    char === '\u007f' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function dumpArray(values: readonly unknown[]): string {
  let text = '[';
  for (let index = 0; index < values.length; index += 1) text += (index === 0 ? '' : ', ') + dumps(values[index]);
  return `${text}]`;
}

function dumpObject(value: object): string {
  let text = '{';
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    text += `${text.length === 1 ? '' : ', '}${dumpString(key)}: ${dumps(item)}`;
  }
  return `${text}}`;
}
