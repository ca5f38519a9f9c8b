// Array parameters in PostgreSQL's binary form, for statements that write many rows with unnest($1::text[], …).
// The text form escapes every quote of a JSON payload and halves the insert rate. Called by *.sql.ts files.
// Layout: int32 BE each: dimensions 1, has-null flag, element oid, count, lower bound 1; then length + bytes a piece.
import { storableText } from './storable.pure.ts';

const OID = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, float8: 701, timestamptz: 1184, uuid: 2950 } as const;
const HEAD_BYTES = 20;
/** PostgreSQL counts microseconds from 2000-01-01. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

type WriteElement<T> = (value: T, into: Buffer, offset: number) => void;

function startArray(oid: number, values: readonly unknown[], elementBytes: number): Buffer {
  const into = Buffer.allocUnsafe(HEAD_BYTES + values.length * 4 + elementBytes);
  // An empty array has no dimension at all, but one of length 0 is read as the same thing.
  into.writeInt32BE(1, 0);
  into.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  into.writeInt32BE(oid, 8);
  into.writeInt32BE(values.length, 12);
  into.writeInt32BE(1, 16);
  return into;
}

function fixedArray<T>(
  type: { oid: number; bytes: number; write: WriteElement<T> },
  values: readonly (T | null)[],
): Buffer {
  let nulls = 0;
  for (const value of values) if (value === null) nulls += 1;
  const into = startArray(type.oid, values, (values.length - nulls) * type.bytes);
  let offset = HEAD_BYTES;
  for (const value of values) {
    into.writeInt32BE(value === null ? -1 : type.bytes, offset);
    offset += 4;
    if (value === null) continue;
    type.write(value, into, offset);
    offset += type.bytes;
  }
  return into;
}

export function textArray(given: readonly (string | null)[]): Buffer {
  const values = given.map((value) => value && storableText(value));
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)));
  const into = startArray(
    OID.text,
    values,
    lengths.reduce((sum, length) => sum + Math.max(length, 0), 0),
  );
  let offset = HEAD_BYTES;
  values.forEach((value, index) => {
    offset = into.writeInt32BE(lengths[index] ?? -1, offset);
    if (value !== null) offset += into.write(value, offset);
  });
  return into;
}

export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  const bytes = values.reduce((sum, value) => sum + (value?.byteLength ?? 0), 0);
  const into = startArray(OID.bytea, values, bytes);
  let offset = HEAD_BYTES;
  for (const value of values) {
    offset = into.writeInt32BE(value === null ? -1 : value.byteLength, offset);
    if (value === null) continue;
    into.set(value, offset);
    offset += value.byteLength;
  }
  return into;
}

export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  fixedArray({ oid: OID.uuid, bytes: 16, write: writeUuid }, values);

function writeUuid(value: string, into: Buffer, offset: number): void {
  let digits = 0;
  let byte = 0;
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code === DASH) continue;
    const digit = HEX_DIGITS[code] ?? NO_DIGIT;
    if (digit === NO_DIGIT || digits === UUID_DIGITS) throw new TypeError(`not a UUID: ${value}`);
    byte = (byte << 4) | digit;
    digits += 1;
    if (digits % 2 === 1) continue;
    into[offset + digits / 2 - 1] = byte;
    byte = 0;
  }
  if (digits !== UUID_DIGITS) throw new TypeError(`not a UUID: ${value}`);
}

const UUID_DIGITS = 32;
const DASH = 0x2d;
const NO_DIGIT = 0xff;
const HEX_DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  HEX_DIGITS[digit.charCodeAt(0)] = value;
  HEX_DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

export const int4Array = (values: readonly (number | null)[]): Buffer =>
  fixedArray({ oid: OID.int4, bytes: 4, write: (value, into, offset) => into.writeInt32BE(value, offset) }, values);

export const int8Array = (values: readonly (number | bigint | null)[]): Buffer =>
  fixedArray(
    { oid: OID.int8, bytes: 8, write: (value, into, offset) => into.writeBigInt64BE(BigInt(value), offset) },
    values,
  );

export const float8Array = (values: readonly (number | null)[]): Buffer =>
  fixedArray({ oid: OID.float8, bytes: 8, write: (value, into, offset) => into.writeDoubleBE(value, offset) }, values);

export const boolArray = (values: readonly (boolean | null)[]): Buffer =>
  fixedArray(
    { oid: OID.bool, bytes: 1, write: (value, into, offset) => into.writeUInt8(value ? 1 : 0, offset) },
    values,
  );

/** Instants in milliseconds since 1970 (fractions are microseconds), as they come back from the database. */
export const timestamptzArray = (values: readonly (number | null)[]): Buffer =>
  fixedArray({ oid: OID.timestamptz, bytes: 8, write: writeInstant }, values);

function writeInstant(ms: number, into: Buffer, offset: number): void {
  into.writeBigInt64BE(BigInt(Math.round((ms - POSTGRES_EPOCH_MS) * 1000)), offset);
}
