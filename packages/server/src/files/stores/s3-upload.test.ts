// What an upload holds in memory, and the order of its calls, with calls that take their time.

import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { PART_BYTES, type UploadCalls, upload } from './s3-upload.ts';

const MIB = 1024 * 1024;
const MAX = { maxBytes: 2 ** 40 };

function createCalls(given: Partial<UploadCalls> = {}) {
  const told: string[] = [];
  let atOnce = 0;
  const calls: UploadCalls = {
    putWhole: async (bytes) => void told.push(`whole ${bytes.length}`),
    start: async () => 'id',
    async putPart(_id, number, bytes) {
      atOnce += 1;
      for (let i = 0; i < 3; i++) await nextTurn();
      told.push(`part ${number}: ${bytes.length}, ${atOnce} at once`);
      atOnce -= 1;
      return { number, etag: String(number) };
    },
    complete: async (_id, parts, sizeBytes) =>
      void told.push(`complete ${parts.map(({ etag }) => etag)}: ${sizeBytes}`),
    abort: async () => void told.push('abort'),
    ...given,
  };
  return { calls, told };
}

function megabytes(count: number): Readable {
  const pieces = function* () {
    for (let i = 0; i < count * 16; i++) yield Buffer.alloc(64 * 1024, i);
  };
  return Readable.from(pieces(), { objectMode: false });
}

it('two hundred megabytes pass through two parts of memory', async () => {
  const { calls, told } = createCalls();
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const watched = Readable.from(
    (async function* () {
      for await (const chunk of megabytes(200)) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  await upload(calls, watched, MAX);
  expect(told.at(-1)).toMatch(/^complete 1,2,3,.*,40: 209715200$/);
  expect(told.every((each) => !each.startsWith('part') || each.includes(`${PART_BYTES}, 1 at once`))).toBe(true);
  expect(most).toBeLessThan(64 * MIB); // two parts, and what the collector has not taken yet
});

it('a part that fails ends the upload with its error, and takes back what was sent', async () => {
  const putPart = async (_id: string, number: number) => {
    if (number === 2) throw new Error('reset');
    return { number, etag: '1' };
  };
  const { calls, told } = createCalls({ putPart });
  await expect(upload(calls, megabytes(20), MAX)).rejects.toThrow('reset');
  expect(told).toEqual(['abort']);
});

it('what fits into a part is one call, nothing as well', async () => {
  const { calls, told } = createCalls();
  await upload(calls, Readable.from([Buffer.from('abc')]), MAX);
  await upload(calls, Readable.from([]), MAX);
  expect(told).toEqual(['whole 3', 'whole 0']);
});
