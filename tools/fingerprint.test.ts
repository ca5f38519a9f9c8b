import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fingerprint, root } from './fingerprint.mjs';

const folder = mkdtempSync(join(tmpdir(), 'comfleet-fingerprint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};

it('changes with the sources, the migrations and the lock file, and with nothing else', () => {
  for (const path of [
    'package.json',
    'package-lock.json',
    'tools/build.mjs',
    'examples/photo.jpg',
    'examples/workflow.json',
  ]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path));
  }
  write('packages/a/package.json', '{}');
  write('packages/a/src/x.ts', '1');
  write('packages/a/src/db/migrations/0001_a.sql', '1');
  let last = fingerprint(folder);
  const changed = () => {
    const now = fingerprint(folder);
    const differs = now !== last;
    last = now;
    return differs;
  };
  write('packages/a/src/x.ts', '22');
  expect(changed()).toBe(true);
  write('packages/a/src/db/migrations/0002_b.sql', '1');
  expect(changed()).toBe(true);
  utimesSync(join(folder, 'package-lock.json'), 1, 1);
  expect(changed()).toBe(true);
  write('packages/a/src/x.test.ts', '1');
  write('README.md', '1');
  expect(changed()).toBe(false);
});
