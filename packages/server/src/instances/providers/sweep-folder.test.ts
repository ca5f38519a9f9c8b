import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { sweepFolder } from './sweep-folder.ts';

it('removes what is older than its time, and only that', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-sweep-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'old', 'below'), { recursive: true });
  writeFileSync(join(dir, 'old', 'below', 'a.png'), 'a');
  writeFileSync(join(dir, 'new.png'), 'b');
  const now = Date.now();
  utimesSync(join(dir, 'old'), (now - 10_000) / 1000, (now - 10_000) / 1000);
  expect(await sweepFolder({ dir, keepMs: 5_000 }, now)).toBe(1);
  expect(readdirSync(dir)).toEqual(['new.png']);
});

it('finds nothing in a folder that is not there', async () => {
  expect(await sweepFolder({ dir: join(tmpdir(), 'comfleet-no-such-folder'), keepMs: 0 }, Date.now())).toBe(0);
});
