import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readQueueIds } from './queue-ids.ts';

function read(text: string): ReturnType<typeof readQueueIds> {
  return readQueueIds(Buffer.from(text));
}

describe('the ids in a queue', () => {
  test('are found in items of five and of six elements', () => {
    const text =
      '{"queue_running": [[7, "p8", {"3": {"inputs": {"text": "a]\\"}{"}}}, {"client_id": "A"}, ["2", "4"]]], ' +
      '"queue_pending": [[-0.5, "p9", {}, {}, [], {"sensitive": 1}], [1e3, "dup", {"seed": NaN}, {}, ["2"]]]}';
    expect(read(text)).toEqual({ running: ['p8'], pending: ['p9', 'dup'] });
  });

  test('of an empty queue are none, and unknown keys are stepped over', () => {
    expect(read('{"queue_pending":[],"paused":false,"more":{"a":[1,{"b":"]"}]},"queue_running":[]}')).toEqual({
      running: [],
      pending: [],
    });
  });

  test('are the same as JSON.parse finds', () => {
    const item = fc.tuple(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string({ unit: 'binary' }),
      fc.jsonValue(),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.array(item), fc.array(item), fc.constantFrom(0, 2), (running, pending, indent) => {
        const text = JSON.stringify({ queue_running: running, queue_pending: pending }, null, indent);
        const ids = (items: unknown[][]): unknown[] => items.map((one) => one[1]);
        const parsed: { queue_running: unknown[][]; queue_pending: unknown[][] } = JSON.parse(text);
        expect(read(text)).toEqual({ running: ids(parsed.queue_running), pending: ids(parsed.queue_pending) });
      }),
    );
  });

  test('of a torn answer are refused at every length: absent must never mean cut off', () => {
    const text = '{"queue_running": [[7, "p\\\\8", {"a": "\\""}, {}, ["2"]]], "queue_pending": []}';
    for (let length = 0; length < text.length; length++) expect(read(text.slice(0, length))).toBeUndefined();
    expect(read(text)).toEqual({ running: ['p\\8'], pending: [] });
  });

  test.each([
    '[]',
    '{}',
    '{"queue_running":[]}',
    '{"queue_running":{},"queue_pending":[]}',
    '{"queue_running":[[1,2,{}]],"queue_pending":[]}',
    '{"queue_running":[[1]],"queue_pending":[]}',
    '{"queue_running":[],"queue_pending":[]}x',
    '<html>',
  ])('%s is not a queue', (text) => expect(read(text)).toBeUndefined());

  test('random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void readQueueIds(Buffer.from(bytes))));
    const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '1', '"queue_running"', ' '));
    fc.assert(fc.property(pieces, (parts) => void read(parts.join(''))));
  });
});
