import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeOutputName, type OutputName, outputPath, parseOutputPath, withoutPrefix } from './output-name.pure.ts';

function name(given: Partial<OutputName>): OutputName {
  return { filename: 'cat.png', subfolder: '', type: 'output', ...given };
}

describe('judgeOutputName', () => {
  it.each<[{ filename: unknown; subfolder?: unknown; type?: unknown }, OutputName]>([
    [{ filename: 'cat.png' }, name({})],
    [{ filename: 'cat.png', subfolder: 'a/b', type: 'temp' }, name({ subfolder: 'a/b', type: 'temp' })],
    [{ filename: 'my cat (1) #?%.png' }, name({ filename: 'my cat (1) #?%.png' })],
    [{ filename: '猫 🐈.png', subfolder: 'été' }, name({ filename: '猫 🐈.png', subfolder: 'été' })],
    [{ filename: '..cat..png' }, name({ filename: '..cat..png' })],
    [{ filename: '.hidden' }, name({ filename: '.hidden' })],
    [{ filename: '…' }, name({ filename: '…' })],
    [{ filename: 'x'.repeat(255) }, name({ filename: 'x'.repeat(255) })],
    [{ filename: 'C:x.png' }, name({ filename: 'C:x.png' })],
  ])('%j is fit', (given, expected) => {
    expect(judgeOutputName(given)).toEqual({ kind: 'ok', name: expected });
  });

  it.each<[{ filename?: unknown; subfolder?: unknown; type?: unknown }]>([
    [{ filename: '' }],
    [{ filename: '.' }],
    [{ filename: '..' }],
    [{ filename: '../x' }],
    [{ filename: 'a/b' }],
    [{ filename: '/etc/passwd' }],
    [{ filename: 'a\\b' }],
    [{ filename: 'C:\\x' }],
    [{ filename: 'a\0.png' }],
    [{ filename: 'a\n.png' }],
    [{ filename: 'a\u0085.png' }],
    [{ filename: 'a\u007f.png' }],
    [{ filename: '\ud800.png' }],
    [{ filename: 'x'.repeat(256) }],
    [{ filename: '猫'.repeat(86) }],
    [{ filename: 7 }],
    [{ filename: null }],
    [{ filename: { toString: () => 'x' } }],
    [{ filename: ['x'] }],
    [{}],
    [{ filename: 'x', subfolder: '/' }],
    [{ filename: 'x', subfolder: '/etc' }],
    [{ filename: 'x', subfolder: 'a/' }],
    [{ filename: 'x', subfolder: 'a//b' }],
    [{ filename: 'x', subfolder: '..' }],
    [{ filename: 'x', subfolder: 'a/../../b' }],
    [{ filename: 'x', subfolder: './a' }],
    [{ filename: 'x', subfolder: 'a\\..\\b' }],
    [{ filename: 'x', subfolder: 'a\0' }],
    [{ filename: 'x', subfolder: 'a/'.repeat(600) }],
    [{ filename: 'x', subfolder: `${'a/'.repeat(16)}a` }],
    [{ filename: 'x', subfolder: null }],
    [{ filename: 'x', type: 'models' }],
    [{ filename: 'x', type: '' }],
    [{ filename: 'x', type: 'toString' }],
    [{ filename: 'x', type: 1 }],
  ])('%j is refused', ({ filename, ...rest }) => {
    expect(judgeOutputName({ filename, ...rest }).kind).toBe('refused');
  });

  it('a fit name joined to a folder never leaves it', () => {
    const piece = fc.oneof(
      fc.constantFrom('..', '.', '', '/', '\\', 'a', '\0', '%2e'),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('/'));
    fc.assert(
      fc.property(text, text, (filename, subfolder) => {
        const verdict = judgeOutputName({ filename, subfolder });
        if (verdict.kind === 'refused') return;
        const segments = [...verdict.name.subfolder.split('/'), verdict.name.filename].filter((s) => s !== '');
        expect(segments.every((s) => s !== '.' && s !== '..' && !/[\\\0]/.test(s))).toBe(true);
        expect(verdict.name.subfolder.startsWith('/')).toBe(false);
      }),
    );
  });
});

describe('withoutPrefix', () => {
  it.each([
    ['r1', ''],
    ['r1/cats', 'cats'],
    ['r1/a/b', 'a/b'],
    ['', undefined],
    ['r10', undefined],
    ['r1x/cats', undefined],
    ['cats/r1', undefined],
  ])('of %j is %j', (subfolder, expected) => {
    expect(withoutPrefix(subfolder, 'r1')).toBe(expected);
  });
});

describe('paths', () => {
  it.each([
    [name({}), '/deployment_requests/r1/output/cat.png'],
    [name({ type: 'temp' }), '/deployment_requests/r1/temp/cat.png'],
    [name({ subfolder: 'a b/c' }), '/deployment_requests/r1/output/a%20b/c/cat.png'],
    [name({ filename: '100%?#.png' }), '/deployment_requests/r1/output/100%25%3F%23.png'],
    [name({ filename: '猫.png' }), '/deployment_requests/r1/output/%E7%8C%AB.png'],
  ])('%j is at %s', (given, expected) => {
    expect(outputPath('r1', given)).toBe(expected);
  });

  it('every fit name is found again from its path', () => {
    const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const type = fc.constantFrom('output' as const, 'temp' as const, 'input' as const);
    fc.assert(
      fc.property(segment, fc.array(segment, { maxLength: 3 }), type, (filename, folders, kind) => {
        const verdict = judgeOutputName({ filename, subfolder: folders.join('/'), type: kind });
        if (verdict.kind === 'refused') return;
        const path = outputPath('9f0c', verdict.name);
        expect(path).toMatch(/^[\x21-\x7e]+$/);
        expect(parseOutputPath(path)).toEqual({ requestId: '9f0c', name: verdict.name });
      }),
    );
  });

  it.each([
    '/deployment_requests/r1/output/',
    '/deployment_requests/r1/output',
    '/deployment_requests/r1/models/x',
    '/deployment_requests//output/x',
    '/deployment_requests/../output/x',
    '/deployment_requests/r1/output/../x',
    '/deployment_requests/r1/output/%2e%2e/x',
    '/deployment_requests/r1/output/..%2fx',
    '/deployment_requests/r1/output/a%2fb/x',
    '/deployment_requests/r1/output/%5c..%5cx',
    '/deployment_requests/r1/output/%00',
    '/deployment_requests/r1/output/%',
    '/deployment_requests/r1/output/%ff/x',
    '/deployment_requests/r1/output//x',
    '/other/r1/output/x',
    'deployment_requests/r1/output/x',
    '',
  ])('%s is no path of a file', (path) => {
    expect(parseOutputPath(path)).toBeUndefined();
  });
});
