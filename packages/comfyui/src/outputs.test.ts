import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from './json.ts';
import { collectOutput, splitRelativePath } from './outputs.ts';

const file = (filename: JsonValue, subfolder: JsonValue = '', type: JsonValue = 'output') => ({
  filename,
  subfolder,
  type,
});

describe('a node’s output', () => {
  test('gives its files with their key, whatever the key is called', () => {
    const { files } = collectOutput({
      images: [file('a.png', 'r1')],
      gifs: [{ ...file('b.mp4'), fullpath: '/srv/b.mp4' }],
    });
    expect(files).toEqual([
      { key: 'images', filename: 'a.png', subfolder: 'r1', type: 'output' },
      { key: 'gifs', filename: 'b.mp4', subfolder: '', type: 'output' },
    ]);
  });

  test('gives everything else as values, and the animated flag as such', () => {
    const collected = collectOutput({ images: [file('a.webp')], animated: [true], text: ['hello', 3], note: 'x' });
    expect(collected.isAnimated).toBe(true);
    expect(collected.values).toEqual([
      { key: 'text', value: 'hello' },
      { key: 'text', value: 3 },
      { key: 'note', value: 'x' },
    ]);
  });

  test('takes a path in a file name as part of the subfolder, because ComfyUI would drop it', () => {
    expect(collectOutput({ images: [file('in/a.png', 'r1/')] }).files).toEqual([
      { key: 'images', filename: 'a.png', subfolder: 'r1/in', type: 'output' },
    ]);
  });

  test.each([
    ['a climbing subfolder', file('a.png', '../other')],
    ['a climbing name', file('../a.png')],
    ['a climbing name of Windows', file('..\\a.png')],
    ['an absolute subfolder', file('a.png', '/etc')],
    ['a drive', file('a.png', 'C:/x')],
    ['an empty name', file('')],
    ['a folder for a name', file('a/')],
    ['dots for a name', file('..')],
    ['a NUL', file('a\u0000.png')],
    ['a line break', file('a\r\nb.png')],
    ['a type that is none', file('a.png', '', 'etc')],
    ['a subfolder that is no text', file('a.png', 7)],
  ])('with %s is rejected', (_what, item) => {
    const { files, rejected } = collectOutput({ images: [item] });
    expect(files).toEqual([]);
    expect(rejected).toHaveLength(1);
  });

  test('that is null or no object is empty', () => {
    for (const output of [null, undefined, [], 'x', 4]) expect(collectOutput(output).files).toEqual([]);
  });

  test('never leads out of the output folder, whatever it names', () => {
    const name = fc
      .array(fc.constantFrom('..', '.', '/', '\\', 'a', 'C:', '\u0000', ' '), { maxLength: 6 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(name, name, (filename, subfolder) => {
        for (const found of collectOutput({ images: [file(filename, subfolder)] }).files) {
          expect(found.filename).not.toMatch(/[/\\]|^\.{0,2}$/);
          expect(`/${found.subfolder}/`).not.toMatch(/[/\\]\.\.[/\\]/);
          expect(found.subfolder).not.toMatch(/^[/\\]|^[A-Za-z]:/);
        }
      }),
    );
  });

  test('of any shape never throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void collectOutput(value as JsonValue)));
  });
});

test('a relative path is split at both separators', () => {
  expect(splitRelativePath('a/b\\c')).toEqual(['a', 'b', 'c']);
  expect(splitRelativePath('')).toBeUndefined();
});
