import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBinaryFrame, decodeTextFrame, type Frame, type Malformed, peekType } from './frames.ts';

const recorded: { run: string; text: string }[] = JSON.parse(
  readFileSync(new URL('../fixtures/ws-frames.json', import.meta.url), 'utf8'),
);

function decode(text: string): Frame | Malformed {
  return decodeTextFrame(Buffer.from(text));
}

function message(type: string, data: unknown): string {
  return JSON.stringify({ type, data });
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe('text frames', () => {
  test('a frame of a million small values is not taken apart', () => {
    const output = `{"node":"2","output":{"text":[${'{},'.repeat(1_000_000)}1]}}`;
    const before = process.cpuUsage();
    expect(decode(`{"type": "executed", "data": ${output}}`)).toMatchObject({ type: 'malformed' });
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500);
    const text = JSON.stringify('a,[{'.repeat(1_000_000));
    expect(decode(`{"type": "executed", "data": {"node":"2","output":{"text":[${text}]}}}`).type).toBe('executed');
  });

  test('a recorded run reads as its story', () => {
    const story = recorded.filter((frame) => frame.run === 'normal').map((frame) => decode(frame.text).type);
    const notable = story.filter((type) => type !== 'progress_state' && type !== 'progress');
    expect(notable).toEqual([
      'status',
      'status',
      'execution_start',
      'execution_cached',
      'executing',
      'executing',
      'executing',
      'executed',
      'executing',
      'executed',
      'execution_success',
      'status',
      'done',
    ]);
  });

  test('every recorded frame is understood, as bytes and as text, with and without python’s blanks', () => {
    for (const { text } of recorded) {
      const frame = decode(text);
      expect(['malformed', 'unknown']).not.toContain(frame.type);
      const { parse: _left, ...plain } = { parse: undefined, ...frame };
      for (const same of [decodeTextFrame(text), decode(JSON.stringify(JSON.parse(text))), decode(` \n${text}`)]) {
        expect(same).toMatchObject(plain);
      }
    }
  });

  test('executed carries its output exactly, with integers that JavaScript would round', () => {
    const frame = decode(
      '{"type": "executed", "data": {"node": "2", "output": {"n": [18446744073709551615]}, "prompt_id": "p"}}',
    );
    expect(frame).toEqual({
      type: 'executed',
      promptId: 'p',
      nodeId: '2',
      displayNodeId: '2',
      output: { n: [18446744073709551615n] },
    });
  });

  test('a cached node without anything to show has a null output', () => {
    expect(decode(message('executed', { node: '2', display_node: '2', output: null, prompt_id: 'p' }))).toMatchObject({
      output: null,
    });
  });

  test('executing null is the end, and executing after a reconnect has no prompt id', () => {
    expect(decode(message('executing', { node: null, prompt_id: 'p' }))).toEqual({ type: 'done', promptId: 'p' });
    expect(decode(message('executing', { node: '3' }))).toEqual({
      type: 'executing',
      promptId: undefined,
      nodeId: '3',
      displayNodeId: '3',
    });
  });

  test('an error is terminal unless a blocker in the graph reported itself', () => {
    const error = (exception_type: string) => decode(message('execution_error', { prompt_id: 'p', exception_type }));
    expect(error('ValueError')).toMatchObject({ isTerminal: true });
    expect(error('ExecutionBlocked')).toMatchObject({ isTerminal: false });
  });

  test('progress_state is parsed only when asked for', () => {
    const torn = decode('{"type": "progress_state", "data": {"prompt_id": "p1", "nodes": {"1": {"val');
    expect(torn).toMatchObject({ type: 'progress_state', promptId: 'p1' });
    expect(torn.type === 'progress_state' && torn.parse()).toMatchObject({ type: 'malformed' });
    expect(decode('{"type":"progress_state","data":{"prompt_id":"p1","nodes":{"1"')).toMatchObject({ promptId: 'p1' });
    const whole = decode(
      '{"type": "progress_state", "data": {"prompt_id": "p1", "nodes": {"4.0.0.1": {"value": 1.0, "max": 2.0, "state": "running", "display_node_id": "4"}, "5": 7}}}',
    );
    expect(whole.type === 'progress_state' && whole.parse()).toEqual([
      { nodeId: '4.0.0.1', displayNodeId: '4', value: 1, max: 2, state: 'running' },
    ]);
  });

  test('progress_state with its keys in another order still says whose it is', () => {
    expect(decode('{"data":{"nodes":{},"prompt_id":"p1"},"type":"progress_state"}')).toMatchObject({ promptId: 'p1' });
    expect(decode('{"type":"progress_state","data":{"nodes":{},"prompt_id":"p1"}}')).toMatchObject({ promptId: 'p1' });
    expect(decode('{"type":"progress_state","data":{"nodes":{}}}')).toMatchObject({ promptId: undefined });
  });

  test('python’s NaN in a progress frame does not hide the others fields’ verdict', () => {
    expect(decode('{"type": "progress", "data": {"value": NaN, "max": 3}}').type).toBe('malformed');
    expect(decode('{"type": "executed", "data": {"node": "1", "output": {"x": [NaN]}}}').type).toBe('executed');
    expect(decode('{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": -4}}}}')).toMatchObject({
      type: 'status',
      queueRemaining: undefined,
    });
  });

  test('unknown types are named and not parsed', () => {
    expect(decode('{"type": "crystools.monitor", "data": {"torn')).toEqual({
      type: 'unknown',
      name: 'crystools.monitor',
    });
    expect(decode('{"data": {}, "type": "constructor"}')).toEqual({ type: 'unknown', name: 'constructor' });
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"type": 3}',
    '<html>',
    '{"type": "executing"}',
    '{"type": "executing", "data": []}',
  ])('%j is malformed', (text) => expect(decode(text).type).toBe('malformed'));

  test('keys that name prototype members give no values', () => {
    expect(decode('{"type": "executing", "data": {"__proto__": {"node": "9"}}}').type).toBe('malformed');
  });
});

describe('the type by its first bytes', () => {
  test('ends at the quote only when a comma or a brace follows', () => {
    expect(peekType('{"type": "a"}')).toBe('a');
    expect(peekType('{"type" : "a" , "data": 1}')).toBe('a');
    expect(peekType('{"type": "a" x')).toBeUndefined();
    expect(peekType('{"type": "a\\"b", "data"')).toBeUndefined();
    expect(peekType('{"type": ""}')).toBeUndefined();
  });
});

describe('binary frames', () => {
  const jpeg = Buffer.from('ffd8ffe0', 'hex');

  test('the old preview form says its format and nothing about whose it is', () => {
    expect(decodeBinaryFrame(Buffer.concat([u32(1), u32(2), jpeg]))).toEqual({
      type: 'preview',
      promptId: undefined,
      nodeId: undefined,
      displayNodeId: undefined,
      contentType: 'image/png',
      image: jpeg,
    });
  });

  test('the new preview form carries ids, and its content type is one of two', () => {
    const metadata = Buffer.from(
      JSON.stringify({ node_id: '3.0', display_node_id: '3', prompt_id: 'p', image_type: 'text/html' }),
    );
    expect(decodeBinaryFrame(Buffer.concat([u32(4), u32(metadata.length), metadata, jpeg]))).toEqual({
      type: 'preview',
      promptId: 'p',
      nodeId: '3.0',
      displayNodeId: '3',
      contentType: 'image/jpeg',
      image: jpeg,
    });
  });

  test('progress text carries its node', () => {
    expect(decodeBinaryFrame(Buffer.concat([u32(3), u32(2), Buffer.from('12hällo')]))).toMatchObject({
      type: 'text',
      nodeId: '12',
      text: 'hällo',
    });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['half a number', Buffer.alloc(3)],
    ['a preview without image', Buffer.concat([u32(1), u32(1)])],
    ['metadata longer than the frame', Buffer.concat([u32(4), u32(0xffffffff), jpeg])],
    ['metadata that is no object', Buffer.concat([u32(4), u32(2), Buffer.from('[]'), jpeg])],
    ['a text longer than the frame', Buffer.concat([u32(3), u32(9), Buffer.from('x')])],
  ])('%s is malformed', (_what, frame) => expect(decodeBinaryFrame(frame).type).toBe('malformed'));

  test('other events are unknown', () => {
    expect(decodeBinaryFrame(u32(77))).toEqual({ type: 'unknown', name: 'binary 77' });
  });
});

describe('hostile frames', () => {
  function readWhole(frame: Frame | Malformed): void {
    if (frame.type === 'progress_state') frame.parse();
  }

  test('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0, 1, 2, 3, 4), (bytes, event) => {
        readWhole(decodeTextFrame(Buffer.from(bytes)));
        readWhole(decodeBinaryFrame(Buffer.from(bytes)));
        readWhole(decodeBinaryFrame(Buffer.concat([u32(event), bytes])));
      }),
    );
  });

  test('known types with data of any shape never throw', () => {
    const types = [...new Set(recorded.map((frame) => peekType(frame.text) ?? ''))];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.jsonValue(), (type, data) => readWhole(decode(message(type, data)))),
    );
  });

  test('recorded frames with a piece cut out or a byte changed never throw', () => {
    const spot = fc.record({
      at: fc.nat(3_000),
      length: fc.nat(40),
      byte: fc.nat(255),
      which: fc.nat(recorded.length - 1),
    });
    fc.assert(
      fc.property(spot, ({ at, length, byte, which }) => {
        const bytes = Buffer.from(recorded[which]?.text ?? '');
        readWhole(decodeTextFrame(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])));
        bytes[at % bytes.length] = byte;
        readWhole(decodeTextFrame(bytes));
      }),
    );
  });
});
