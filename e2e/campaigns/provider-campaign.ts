// R14: instances that a provider starts and that never get ready, end, will not end, or whose program is missing; with the
// service killed in between. What must hold besides: no process without a record, no bill left open, no more instances
// than allowed, pauses between failed starts, and a deployment that says why. Listed in campaigns.ts.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callApi, demand, type Target } from './call-api.ts';
import type { Campaign, Scene } from './campaign.ts';
import { waitUntil } from './child-process.ts';
import { countStrikes, readStrikes } from './evidence.ts';
import { readDatabase } from './final-rows.ts';
import { groupBy } from './group-by.pure.ts';
import type { Fleet } from './history.pure.ts';
import { listInstanceProcesses } from './instance-processes.ts';
import { SAVED_GRAPH } from './pictures.ts';
import { killPid, type Stage } from './stage.ts';

const MOST = 4;
const START_TIMEOUT_SECONDS = 5;
const KILLS_EVERY = 25;
const GONE_WITHIN_MS = 60_000;
const MISSING_PROGRAM = '/nonexistent/comfyui';
const SAYS_WHY_WITHIN_MS = 30_000;

const SCRIPT = join(import.meta.dirname, 'flaky-instance.mjs');

function hardware({ dir, emulator }: { dir: string; emulator: string }, seed: number) {
  const entry = (sku: string, command: string[], env: Record<string, string>) => ({
    ...{ sku, gpu: 'none', vram_gb: 0, ram_gb: 1, vcpus: 1, price_per_hour_usd: 1, provider: 'process' },
    process: { command, env, max_instances: 4 * MOST },
  });
  const run = [process.execPath, SCRIPT, '--port', '{port}', '--base-dir', '{base_dir}'];
  const executions = ['--executions-file', join(dir, 'executions-embedded.jsonl'), '--faults', '{"serviceMs":50}'];
  const env = { FLAKY_DIR: dir, FLAKY_EMULATOR: emulator, FLAKY_SEED: String(seed) };
  return [
    entry('FLAKY', [...run, ...executions], env),
    entry('MISSING', [MISSING_PROGRAM], env),
    entry('FAILING', run, { ...env, FLAKY_MODE: 'ends at once' }),
  ];
}

export const R14: Campaign = {
  what: 'instances that never get ready, end, will not end, leave children; a missing program; the service killed meanwhile',
  stage: (random) => ({
    setUp: 'none',
    env: { COMFLEET_START_TIMEOUT_SECONDS: String(START_TIMEOUT_SECONDS) },
    config: (stage) => ({ hardware: hardware(stage, Math.floor(random.between(0, 1_000))) }),
  }),
  wish: { hardware: ['FLAKY'], max_instances: MOST, queue_size: 1, keep_warm_duration_in_seconds: 2 },
  callers: 24,
  pollMs: 400,
  circumstances: { excusedCodes: [10007, 10012] },
  async play(scene) {
    const { stage, tries, targets, tell } = scene;
    const complaints: string[] = [];
    const overMaximum: string[] = [];
    const count = countStrikes([join(stage.dir, 'flaky.jsonl')]);
    const hopeless = await startHopeless(scene);
    for (let told = 0; count() < tries; ) {
      await sleep(700);
      // A warm-up ends the pause after failed starts: there is always something to fail.
      for (const target of targets) await warmUp(target);
      killOne(scene);
      overMaximum.push(...countInstances(stage));
      if (Math.floor(count() / KILLS_EVERY) <= told) continue;
      told = Math.floor(count() / KILLS_EVERY);
      tell(`${count()} strikes`);
      await stage.service.kill();
      await stage.service.whenReady();
    }
    complaints.push(...(await judgeHopeless(stage, hopeless)));
    writeFileSync(join(stage.dir, 'calm'), '');
    const closing = () => closeAll(stage, [...targets, ...hopeless], overMaximum);
    return { strikes: countModes(stage), circumstances: { complaints, closing } };
  },
};

/** Those that turned out well end as well. */
function killOne({ stage, random }: Scene): void {
  const [first, ...others] = listInstanceProcesses(stage.dir);
  if (first !== undefined) killPid(random.pick([first, ...others]).pid);
}

async function warmUp(target: Target): Promise<void> {
  await callApi(target, `/deployments/${target.deploymentId}/instances`, { method: 'POST', body: '{"count":3}' });
}

function countModes({ dir }: Stage): Record<string, number> {
  const modes = groupBy(readStrikes([join(dir, 'flaky.jsonl')]), ({ fault, how }) =>
    how === undefined ? fault : `${fault} (${how})`,
  );
  return Object.fromEntries([...modes].map(([mode, turns]) => [mode, turns.length]));
}

/** Both accounts' pools together; those of the hopeless deployments end at once. */
function countInstances({ dir }: Stage): string[] {
  const ids = new Set(listInstanceProcesses(dir).map(({ instanceId }) => instanceId));
  const most = 2 * MOST + 1;
  return ids.size <= most ? [] : [`${ids.size} instances at once, ${most} allowed`];
}

/** One whose program is missing, one whose program ends at once: with a request that waits for each. */
async function startHopeless({ targets: [owner] }: Scene): Promise<Target[]> {
  const { id } = await demand(owner, '/workflows', { name: 'Hopeless' });
  const { version } = await demand(owner, `/workflows/${id}/versions`, { workflow_api_json: SAVED_GRAPH });
  const made: Target[] = [];
  for (const sku of ['MISSING', 'FAILING']) {
    const wish = { name: sku, workflow_id: id, workflow_version: version, hardware: [sku], min_instances: 1 };
    const deployment = await demand(owner, '/deployments', wish);
    made.push({ ...owner, deploymentId: String(deployment['id']) });
  }
  return made;
}

/** 1, 2, 4, … seconds: two minutes have room for seven, and a start of the service begins anew. */
const MOST_STARTS_PER_LIFE = 8;

async function judgeHopeless(stage: Stage, [missing, failing]: readonly Target[]): Promise<string[]> {
  const complaints: string[] = [];
  for (const [target, words] of [
    [missing, MISSING_PROGRAM],
    [failing, 'exit code 3'],
  ] as const) {
    if (target === undefined) continue;
    let said = '';
    const saysWhy = async () => {
      const answer = await callApi(target, `/deployments/${target.deploymentId}/instances`);
      said = answer.kind === 'answer' ? answer.text : 'no answer';
      return said.includes(words) && said.includes('"error"');
    };
    if ((await waitUntil(saysWhy, SAYS_WHY_WITHIN_MS, 200)) === undefined) {
      complaints.push(`a deployment that cannot start (${words}) says: ${said.slice(0, 600)}`);
    }
  }
  const starts = readStrikes([join(stage.dir, 'flaky.jsonl')]).filter(({ how }) => how === 'always').length;
  const lives = stage.service.readyMs.length;
  if (starts > MOST_STARTS_PER_LIFE * lives) {
    complaints.push(`${starts} starts of a program that always fails, in ${lives} lives of the service`);
  }
  return complaints;
}

/** Everything is disabled: nothing may be left. */
async function closeAll(stage: Stage, targets: readonly Target[], overMaximum: string[]): Promise<{ fleet: Fleet }> {
  for (const target of targets) {
    const disable = { method: 'PATCH', body: '{"is_enabled":false}' };
    await waitUntil(async () => {
      const answer = await callApi(target, `/deployments/${target.deploymentId}`, disable);
      return answer.kind === 'answer' && answer.status === 200;
    }, 10_000);
  }
  await waitUntil(() => listInstanceProcesses(stage.dir).length === 0, GONE_WITHIN_MS, 200);
  const left = listInstanceProcesses(stage.dir);
  await waitUntil(async () => (await readDatabase(stage.database)).openLives.length === 0, GONE_WITHIN_MS, 500);
  const { openLives } = await readDatabase(stage.database);
  const orphans = left.map(({ pid, instanceId }) => `process ${pid} of instance ${instanceId} outlived its deployment`);
  return { fleet: { orphans, ghosts: [...openLives], overMaximum: overMaximum.slice(0, 1) } };
}
