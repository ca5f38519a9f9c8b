// What PostgreSQL refuses in texts, made into what it takes: one hostile word of an instance must not fail a statement. Pure;
// passed by every value on its way to the database, and by what is kept as JSON text and read with JSON functions.

/** Its texts hold no U+0000. Half of a surrogate pair becomes U+FFFD on the wire by itself. */
export function storableText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}

/** Of JSON.stringify, which writes both as escapes; a backslash that is itself escaped begins none. */
const REFUSED = /\\(?:\\|u(?:0000|d[89a-f][\da-f]{2}))/g;

/** JSON that its functions read: they refuse the escapes of U+0000 and of half a surrogate pair. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.includes('\\u') ? text.replace(REFUSED, (found) => (found === '\\\\' ? found : '\\ufffd')) : text;
}
