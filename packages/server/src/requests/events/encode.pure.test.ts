// The ids of events, and the files they tell.
import { expect, test } from 'vitest';
import { formatEvent, formatEventId, parseEventId, sortFiles, viewEnd, viewOutput } from './encode.pure.ts';

const CONTEXT = { base: 'https://x.example', version: 'v2', cancelledWord: undefined } as const;
const file = (path: string, kind: 'output' | 'temp' = 'output') => ({
  kind,
  path,
  nodeId: undefined,
  contentType: 'image/png',
  sizeBytes: 3,
});

test('an id says what was seen, and is read back', () => {
  const id = { start: 'lx1', logs: 3, outputs: 12, isEnd: true };
  expect(formatEventId(id, 36)).toBe('lx1-10-3-12-end');
  expect(parseEventId('lx1-10-3-12-end')).toEqual(id);
  expect(parseEventId('lx1-10-0-0')).toMatchObject({ isEnd: false });
});

test('an id that is none of ours is passed over', () => {
  for (const text of [undefined, '', '7', 'a-b-c-d', 'lx1-1-1-1-ende', `lx1-1-1-${'9'.repeat(30)}`, 'LX-1-1-1']) {
    expect(parseEventId(text), text).toBeUndefined();
  }
});

test('an event is one block, its data one line', () => {
  const text = formatEvent('log', '1', { level: 'info', message: 'two\nlines\r\n\n: no comment' });
  expect(text.split('\n')).toHaveLength(5);
  expect(text).toMatch(/^id: 1\nevent: log\ndata: \{.*\}\n\n$/);
});

test('files are counted in an order of their own', () => {
  const files = [file('b.png'), file('a.png', 'temp'), file('a/z.png'), file('Z.png')];
  const paths = sortFiles(files).map(({ path }) => path);
  expect(paths).toEqual(['Z.png', 'a/z.png', 'b.png', 'a.png']);
  expect(sortFiles([...files].reverse()).map(({ path }) => path)).toEqual(paths);
});

test('a file is told with its folder and its escaped address, and without a node when none listed it', () => {
  expect(viewOutput(CONTEXT, 'r1', file('cats & dogs/ä.png'))).toEqual({
    filename: 'ä.png',
    subfolder: 'cats & dogs',
    type: 'output',
    url: 'https://x.example/deployment_requests/r1/output/cats%20%26%20dogs/%C3%A4.png',
    content_type: 'image/png',
    size_bytes: 3,
  });
});

test('the end passes the stored error on as it is', () => {
  const row = { id: 'r1', state: 'failed', instance_id: null, error: '[{"errorCode":10005}]' } as const;
  expect(JSON.parse(viewEnd(CONTEXT, row))).toEqual({ status: 'failed', error: [{ errorCode: 10005 }] });
  expect(JSON.parse(viewEnd({ ...CONTEXT, version: 'v1' }, { ...row, state: 'cancelled', error: null }))).toEqual({
    status: 'canceled',
  });
});
