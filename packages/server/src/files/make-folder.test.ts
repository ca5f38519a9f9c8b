import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeFolder } from './make-folder.ts';

it('makes what is missing above it, and is content with what is there', () => {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-folder-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'a', 'b', 'c');
  makeFolder(path);
  makeFolder(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  const file = join(dir, 'file');
  writeFileSync(file, '');
  for (const below of [file, join(file, 'x'), join(file, 'x', 'y')]) {
    expect(() => makeFolder(below)).toThrow(`${file} is a file, not a folder`);
  }
});

it.runIf(process.platform === 'linux')('ends where a file system makes no folders', () => {
  expect(() => makeFolder('/proc/x/y')).toThrow('no folder can be made in /proc (ENOENT');
});
