// Ids of our own: UUID version 7 (time-ordered: inserts land on the right edge of the index). Those of one millisecond are
// in the order they were made, so lists show them so; 62 bits are random.
import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 16 * 256;
const COUNTER_MAX = 0xfff;

/** Makes a generator with a pool of random bytes of its own; one call costs about a microsecond. */
export function createIdSource(now: () => number): () => string {
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  let offset = POOL_BYTES;
  let lastMs = -1;
  let counter = 0;
  return () => {
    if (offset === POOL_BYTES) {
      randomFillSync(pool);
      offset = 0;
    }
    const bytes = pool.subarray(offset, offset + 16);
    offset += 16;
    const ms = now();
    // Begun in the lower half, so that a millisecond has room for some thousands.
    counter = ms === lastMs ? Math.min(counter + 1, COUNTER_MAX) : bytes.readUInt16BE(6) & (COUNTER_MAX >> 1);
    lastMs = ms;
    bytes.writeUIntBE(ms, 0, 6);
    bytes.writeUInt16BE(0x7000 | counter, 6);
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
