import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from './child-process.ts';
import { copyProgram } from './program.ts';
import { createService } from './service.ts';

/** A device whose writes all fail as on a full disk. */
const FULL = '/dev/full';

it('a service whose words cannot be written starts, serves and stops', async () => {
  if (!existsSync(FULL)) return;
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-full-log-'));
  const dataDir = join(dir, 'data');
  mkdirSync(dataDir);
  const program = copyProgram({ executionsFile: join(dir, 'executions.jsonl'), serviceMs: 10 });
  const args = ['--comfyui', 'http://127.0.0.1:9'];
  const service = createService({ main: program.main, dataDir, port: await freePort(), args, logPath: FULL });
  try {
    service.start();
    await service.whenReady();
    expect((await service.terminate()).code).toBe(0);
    expect(service.unexpectedEnds).toEqual([]);
  } finally {
    await service.killForGood();
    program.remove();
    rmSync(dir, { recursive: true });
  }
}, 180_000);
