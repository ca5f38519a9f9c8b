import { lstatSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeSocketLink, socketFolder } from './socket-folder.ts';

const longDir = (): string => join(tmpdir(), `${crypto.randomUUID()}-${'é'.repeat(60)}`, 'postgres');

test('a cluster whose socket path fits is dialled in its own folder', () => {
  expect(socketFolder('/var/lib/comfleet/postgres')).toBe('/var/lib/comfleet/postgres');
});

test('bytes count, not characters, and a longer path goes through one short link for all who ask', () => {
  const dir = longDir();
  const link = socketFolder(dir);
  expect(Buffer.byteLength(link)).toBeLessThan(80);
  expect(socketFolder(dir)).toBe(link);
  removeSocketLink(link, dir);
  expect(lstatSync(link, { throwIfNoEntry: false })).toBeUndefined();
});

test('a link that leads elsewhere is not followed', () => {
  const dir = longDir();
  const link = socketFolder(dir);
  rmSync(link);
  symlinkSync(tmpdir(), link);
  const other = socketFolder(dir);
  expect(other).not.toBe(link);
  rmSync(link);
  removeSocketLink(other, dir);
});
