// One cheap look over JSON text before it is parsed: may JSON.parse read it, or does something in it need the exact
// reader? Strings are skipped, so a data URI of megabytes costs next to nothing. Called by parseJson.

import type { JsonLimits } from './json-error.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
// Most strings of a graph are shorter; for these a plain loop beats indexOf.
const SHORT_STRING_CHARS = 24;
// 15 significant digits always survive a JS number.
const SAFE_NUMBER_CHARS = 15;

/**
 * True when the exact reader must read this: a number that JSON.parse would change (many digits, an exponent, a whole
 * float), a bare NaN or Infinity, or a broken limit. It may be true without need; that only costs time.
 */
export function needsExactReader(text: string, limits: Required<JsonLimits>): boolean {
  const isInside = createNesting(limits);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code >= 0x30 && code <= 0x39) {
      at = endOfPlainNumber(text, at);
      if (at < 0) return true;
    } else if (code > 0x20 && !isInside(code)) return true;
  }
  return false;
}

/** Whether the text holds more values than that, by its brackets and commas; looks no further once it does. */
export function holdsMoreValues(text: string, maxValues: number): boolean {
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if ((code === 0x2c || code === 0x7b || code === 0x5b) && ++values > maxValues) return true;
  }
  return false;
}

// Follows brackets and commas; false for one that breaks a limit, and for the first letter of NaN and Infinity.
function createNesting({ maxDepth, maxKeys }: Required<JsonLimits>): (code: number) => boolean {
  // One less than the members at each depth.
  const commas: number[] = [0];
  let depth = 0;
  return (code) => {
    switch (code) {
      case 0x2c:
        commas[depth] = (commas[depth] ?? 0) + 1;
        return (commas[depth] ?? 0) < maxKeys;
      case 0x7b:
      case 0x5b:
        commas[++depth] = 0;
        return depth <= maxDepth;
      case 0x7d:
      case 0x5d:
        depth--;
        return true;
      default:
        return code !== 0x4e && code !== 0x49;
    }
  };
}

function endOfString(text: string, start: number): number {
  const near = Math.min(text.length, start + SHORT_STRING_CHARS);
  for (let at = start + 1; at < near; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return endOfLongString(text, start);
}

function endOfLongString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

// The last character of the number, or -1 when it needs the exact reader.
function endOfPlainNumber(text: string, start: number): number {
  let at = start;
  let isFraction = false;
  let hasDigits = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) hasDigits ||= isFraction && code !== 0x30;
    else if (code === 0x2e) isFraction = true;
    else if (code === 0x65 || code === 0x45) return -1;
    else break;
  }
  if (at - start > SAFE_NUMBER_CHARS || (isFraction && !hasDigits)) return -1;
  return at - 1;
}
