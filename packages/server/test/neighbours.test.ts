// Where runs are short several prompts are inside an instance: what becomes of those behind one that ends its worker.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, QUICK_WATCH, type TestApp } from '../testing/create-test-app.ts';

const dir = mkdtempSync(join(tmpdir(), 'comfleet-neighbours-'));
const make = (name: string) => createEmulator({ baseDir: join(dir, name), nullExec: true });
const [one, other] = [make('one'), make('other')];
let app: TestApp;

beforeAll(async () => {
  const urls = [await one.start(), await other.start()].map(({ port }) => `http://127.0.0.1:${port}`);
  const overrides = { watchTimes: QUICK_WATCH };
  app = await createTestApp({ emulator: 'none', env: { COMFLEET_COMFYUI: urls.join(',') }, overrides });
});
afterAll(async () => {
  await app.stop();
  await one.stop();
  await other.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function runMany(deploymentId: string, count: number) {
  const ids = await Promise.all(Array.from({ length: count }, () => app.submit(deploymentId)));
  const results = await Promise.all(ids.map((id) => app.untilEnded(deploymentId, id)));
  return new Set(results.map(({ status }) => status));
}

it('they run elsewhere: its queue would have them until somebody restarts it', async () => {
  const deploymentId = await app.createDeployment(undefined, { max_instances: 2 });
  // From here on it is known that runs are short.
  await runMany(deploymentId, 60);
  one.faults.merge({ zombie: { times: 1 } });
  expect(await runMany(deploymentId, 60)).toEqual(new Set(['succeeded']));
});
