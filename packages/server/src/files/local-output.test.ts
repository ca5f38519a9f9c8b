import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalOutput, isOpenedAt, type LocalOutput, type LocalRead, readSmall } from './local-output.ts';

let base = '';
let dir = '';
let output: LocalOutput;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'comfleet-local-')));
  dir = join(base, 'output');
  mkdirSync(join(dir, 'r1/cats'), { recursive: true });
  writeFileSync(join(dir, 'r1/a.png'), 'aaa');
  writeFileSync(join(dir, 'r1/cats/b.png'), 'bb');
  writeFileSync(join(base, 'secret'), 'secret');
  output = createLocalOutput({ dir });
});
afterEach(() => rmSync(base, { recursive: true }));

const read = (subfolder: string, filename: string, maxBytes = 1_000_000): LocalRead =>
  output.read({ subfolder, filename }, maxBytes);

describe('list', () => {
  it('finds every file below the folder of a request, and no others', () => {
    writeFileSync(join(dir, 'flat.png'), 'x');
    mkdirSync(join(dir, 'r10'));
    writeFileSync(join(dir, 'r10/c.png'), 'x');
    expect(output.list('r1')).toEqual([
      { subfolder: 'r1', filename: 'a.png' },
      { subfolder: 'r1/cats', filename: 'b.png' },
    ]);
  });

  it('a run that wrote nothing has no files', () => {
    expect(output.list('r2')).toEqual([]);
  });

  it('leaves out symlinks, FIFOs and folders that are symlinks', () => {
    symlinkSync(join(base, 'secret'), join(dir, 'r1/link.png'));
    symlinkSync(base, join(dir, 'r1/folder'));
    spawnSync('mkfifo', [join(dir, 'r1/fifo')]);
    expect(output.list('r1').map((file) => file.filename)).toEqual(['a.png', 'b.png']);
  });

  it('a request folder that is a symlink has no files', () => {
    symlinkSync(join(dir, 'r1'), join(dir, 'r3'));
    expect(output.list('r3')).toEqual([]);
  });
});

describe('read', () => {
  it('what was opened through a folder that was swapped meanwhile is told from the file itself', () => {
    const path = join(dir, 'r1/a.png');
    const fd = openSync(path, 'r');
    const other = openSync(join(base, 'secret'), 'r');
    expect([isOpenedAt(fd, path), isOpenedAt(other, path)]).toEqual([true, false]);
    for (const each of [fd, other]) closeSync(each);
  });

  it('a small file comes at once', () => {
    expect(read('r1', 'a.png')).toEqual({ kind: 'bytes', bytes: Buffer.from('aaa') });
    expect(read('r1/cats', 'b.png')).toEqual({ kind: 'bytes', bytes: Buffer.from('bb') });
  });

  it('an empty file is a file', () => {
    writeFileSync(join(dir, 'r1/empty'), '');
    expect(read('r1', 'empty')).toEqual({ kind: 'bytes', bytes: Buffer.alloc(0) });
  });

  it.each([65_536, 65_537, 1_000_000])('%i bytes are whole', async (size) => {
    const bytes = Buffer.alloc(size, 'comfleet');
    writeFileSync(join(dir, 'r1/big'), bytes);
    const found = read('r1', 'big');
    expect(found.kind).toBe(size > 65_536 ? 'stream' : 'bytes');
    const got = found.kind === 'bytes' ? found.bytes : found.kind === 'stream' ? await buffer(found.stream) : undefined;
    expect(got?.equals(bytes)).toBe(true);
  });

  it('what is not there is missing', () => {
    expect(read('r1', 'nothing')).toEqual({ kind: 'missing' });
    expect(read('r9', 'a.png')).toEqual({ kind: 'missing' });
    expect(read('r1/a.png', 'x')).toEqual({ kind: 'missing' });
  });

  it('a symlink is refused, be it the file or a folder on the way, inside or outside', () => {
    symlinkSync(join(base, 'secret'), join(dir, 'r1/out'));
    symlinkSync(join(dir, 'r1/a.png'), join(dir, 'r1/in'));
    symlinkSync(join(dir, 'r1'), join(dir, 'alias'));
    for (const [subfolder, filename] of [
      ['r1', 'out'],
      ['r1', 'in'],
      ['alias', 'a.png'],
    ] as const) {
      expect(read(subfolder, filename)).toEqual({ kind: 'refused', reason: 'outside' });
    }
  });

  it('a path that leaves the folder is refused although it was not judged before', () => {
    expect(read('..', 'secret')).toEqual({ kind: 'refused', reason: 'outside' });
    expect(read('r1/../..', 'secret')).toEqual({ kind: 'refused', reason: 'outside' });
  });

  it('folders, FIFOs and devices are refused without hanging', () => {
    expect(read('r1', 'cats')).toEqual({ kind: 'refused', reason: 'not_a_file' });
    if (spawnSync('mkfifo', [join(dir, 'r1/fifo')]).status === 0) {
      expect(read('r1', 'fifo')).toEqual({ kind: 'refused', reason: 'not_a_file' });
    }
    if (spawnSync('mknod', [join(dir, 'r1/zero'), 'c', '1', '5']).status === 0) {
      expect(read('r1', 'zero')).toEqual({ kind: 'refused', reason: 'not_a_file' });
    }
  });

  it('the limit is to the byte', () => {
    expect(read('r1', 'a.png', 3).kind).toBe('bytes');
    expect(read('r1', 'a.png', 2)).toEqual({ kind: 'refused', reason: 'too_large' });
  });

  it.each([
    ['grows', () => appendFileSync(join(dir, 'r1/big'), 'more')],
    ['shrinks', () => writeFileSync(join(dir, 'r1/big'), 'less')],
    ['is rewritten', () => writeFileSync(join(dir, 'r1/big'), Buffer.alloc(2_000_000, 2))],
  ])('a file that %s while it is read fails the stream', async (_what, change) => {
    writeFileSync(join(dir, 'r1/big'), Buffer.alloc(2_000_000, 1));
    const found = read('r1', 'big', 3_000_000);
    if (found.kind !== 'stream') throw new Error(found.kind);
    change();
    await expect(buffer(found.stream)).rejects.toThrow('changed while it was read');
  });

  it.each([
    ['grew', () => appendFileSync(join(dir, 'r1/a.png'), 'more')],
    ['shrank', () => writeFileSync(join(dir, 'r1/a.png'), '')],
    ['was rewritten', () => utimesSync(join(dir, 'r1/a.png'), 1, 1)],
  ])('a small file that %s since its size was seen is refused', (_what, change) => {
    const fd = openSync(join(dir, 'r1/a.png'), 'r');
    const stat = fstatSync(fd);
    change();
    expect(readSmall(fd, stat)).toEqual({ kind: 'refused', reason: 'growing' });
    closeSync(fd);
  });

  it('a file replaced after it was opened is read as it was', async () => {
    writeFileSync(join(dir, 'r1/big'), Buffer.alloc(200_000, 1));
    const found = read('r1', 'big');
    if (found.kind !== 'stream') throw new Error(found.kind);
    writeFileSync(join(dir, 'r1/other'), 'x');
    renameSync(join(dir, 'r1/other'), join(dir, 'r1/big'));
    expect((await buffer(found.stream)).equals(Buffer.alloc(200_000, 1))).toBe(true);
  });
});
