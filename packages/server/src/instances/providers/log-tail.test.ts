import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readLogTail } from './log-tail.ts';

it('gives the last hundred whole lines, and none of a file that is not there', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-log-'));
  try {
    const path = join(dir, 'a.log');
    expect(await readLogTail(path)).toEqual([]);
    writeFileSync(path, 'one\ntwo\n');
    expect(await readLogTail(path)).toEqual(['one', 'two']);
    const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index} ${'x'.repeat(50)}`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    expect(await readLogTail(path)).toEqual(lines.slice(-100));
    writeFileSync(path, 'y'.repeat(100_000));
    expect(await readLogTail(path)).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
