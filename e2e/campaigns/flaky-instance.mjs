// An instance that fails as its turn has it: it never answers, ends at once, ends after a while, starts late, or will not
// end when it is asked to. Started by the process provider in R14; writes down each of its turns.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const MODES = [
  'good',
  'never ready',
  'good',
  'ends at once',
  'ends later',
  'starts late',
  'will not end',
  'killed later',
  'leaves a child',
];

const { FLAKY_DIR: dir = '', FLAKY_EMULATOR: emulator = '', FLAKY_SEED: seed = '0', FLAKY_MODE } = process.env;
const strikesFile = join(dir, 'flaky.jsonl');
const turn = existsSync(strikesFile) ? readFileSync(strikesFile, 'utf8').split('\n').length : 1;
const chance = (turn * 2_654_435_761 + Number(seed) * 40_503) >>> 0;
const mode = existsSync(join(dir, 'calm')) ? 'good' : (FLAKY_MODE ?? MODES[chance % MODES.length]);

// What is good is a turn, and no strike.
const how = FLAKY_MODE === undefined ? undefined : 'always';
const struck = mode === 'good' ? { turn: mode } : { fault: mode, how };
const entry = { ...struck, prompt_id: process.env['COMFLEET_INSTANCE_ID'], at: Date.now() };
appendFileSync(strikesFile, `${JSON.stringify(entry)}\n`);

if (mode === 'never ready') {
  console.log('loading models, for ever');
  setInterval(() => {}, 60_000);
} else if (mode === 'ends at once') {
  console.error('RuntimeError: No CUDA GPUs are available');
  process.exit(3);
} else await serve();

async function serve() {
  if (mode === 'starts late') await sleep(1_500);
  if (mode === 'leaves a child') spawn('sleep', ['600'], { stdio: 'ignore' }).unref();
  if (mode === 'will not end') {
    const { once } = process;
    process.once = (event, call) =>
      event === 'SIGTERM' ? process.on('SIGTERM', () => {}) : once.call(process, event, call);
  }
  const lifeMs = 300 + (chance % 2_500);
  if (mode === 'ends later') setTimeout(() => process.exit(1), lifeMs);
  if (mode === 'killed later') setTimeout(() => process.kill(process.pid, 'SIGKILL'), lifeMs);
  await import(pathToFileURL(emulator).href);
}
