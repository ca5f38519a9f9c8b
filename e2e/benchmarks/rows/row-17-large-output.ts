// Row 17: one large output from the back end through the storage to the client: speed against two plain copies of the
// same file, and how much memory the gateway takes for it. The client verifies the SHA-256.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import { listExecuted, startEmulator } from '../back-end.ts';
import type { Submission } from '../gateway-arm.ts';
import { downloadPlainly } from '../plain-download.ts';
import { residentBytes } from '../process-cost.ts';
import type { Row, RowResult, RunContext } from '../row.ts';
import { openStage, type Stage, submitAll } from '../stage.ts';

const MIB = 1024 * 1024;
const SAMPLE_MS = 20;
const WARM_UP_MIB = 16;

export const largeOutputRow: Row = {
  number: 17,
  title: '500 MB output: back end to storage to client',
  peer: 'two plain copies of the file',
  wantsReal: false,
  seconds: { setup: 10, round: 9 },
  run,
};

interface Bench {
  readonly context: RunContext;
  readonly stage: Stage;
  readonly emulatorDir: string;
  readonly problems: string[];
}

interface Figures {
  ours: number[];
  storeMbs: number[];
  downloadMbs: number[];
  peer: number[];
  riseMib: number[];
  firstByteMs: number[];
}

function emptyFigures(): Figures {
  return { ours: [], storeMbs: [], downloadMbs: [], peer: [], riseMib: [], firstByteMs: [] };
}

async function run(context: RunContext): Promise<RowResult> {
  const dir = context.makeDir('row17');
  const emulator = await startEmulator({ buildDir: context.buildDir, dir });
  const stage = await openStage(context, { name: 'row17-service', backEnd: emulator, connections: 4 });
  const bench: Bench = { context, stage, emulatorDir: join(dir, 'emulator', 'output'), problems: [...stage.problems] };
  const figures = emptyFigures();
  const sizeMib = context.isQuick ? 100 : 500;
  try {
    await submitAll(stage, context, 100);
    await measure(bench, emptyFigures(), WARM_UP_MIB);
    for (let round = 0; round < context.rounds; round += 1) {
      await measure(bench, figures, sizeMib);
      const [ours, peer, rise] = [figures.ours, figures.peer, figures.riseMib].map((values) =>
        Math.round(values.at(-1) ?? 0),
      );
      context.log(`  round ${round + 1}: ${ours} MB/s, two copies ${peer} MB/s, memory + ${rise} MiB`);
    }
  } finally {
    await stage.close();
  }
  const alone = { compare: 'alone', isMoreBetter: false } as const;
  return {
    backEnd: 'emulator',
    measures: [
      {
        name: 'MB/s',
        unit: 'MB/s',
        compare: 'ratio',
        isMoreBetter: true,
        ours: figures.ours,
        peer: figures.peer,
        bar: 0.4,
        moonshot: 0.9,
      },
      { ...alone, name: 'gateway memory rise', unit: 'MiB', ours: figures.riseMib, bar: 128, moonshot: 16 },
      { ...alone, name: 'back end to storage alone', unit: 'MB/s', isMoreBetter: true, ours: figures.storeMbs },
      { ...alone, name: 'download alone', unit: 'MB/s', isMoreBetter: true, ours: figures.downloadMbs },
      { ...alone, name: 'download, first byte', unit: 'ms', ours: figures.firstByteMs },
    ],
    problems: bench.problems,
    notes: [
      `${sizeMib} MiB of seeded random bytes; clock from the back end's success to the last byte at the client; storage: local disk, flushed`,
    ],
  };
}

async function measure(bench: Bench, figures: Figures, sizeMib: number): Promise<void> {
  const { stage, context } = bench;
  await setOutput(stage.backEnd.url, { bytes: sizeMib * MIB, seed: context.seed });
  const memory = watchMemory(stage.service.pid);
  const submission = await stage.arm.submit(stage.tenant(0), context.nextColour());
  const url = await waitForFile(bench, submission);
  const storedAt = Date.now();
  // Not hashed: that would be the client's time. A second download is.
  const { firstByteMs, downloadMs, bytes } = await downloadPlainly(url);
  const riseMib = memory.stop() / MIB;
  const executed = (await listExecuted(stage.backEnd.url)).find(({ colour }) => colour === submission.colour);
  const source = executed?.file;
  if (executed === undefined || source === undefined) throw new Error('the back end does not know the request');
  const elapsedMs = storedAt - executed.endedAt + downloadMs;
  const path = join(bench.emulatorDir, source.subfolder, source.filename);
  if (statSync(path).size !== sizeMib * MIB)
    bench.problems.push('the back end did not make an output of the wanted size');
  if (bytes !== sizeMib * MIB) bench.problems.push(`the download had ${bytes} bytes`);
  const speed = (ms: number) => (sizeMib * MIB) / 1e3 / ms;
  figures.ours.push(speed(elapsedMs));
  figures.storeMbs.push(speed(storedAt - executed.endedAt));
  figures.downloadMbs.push(speed(downloadMs));
  figures.peer.push(speed(copyTwice(path)));
  figures.riseMib.push(riseMib);
  figures.firstByteMs.push(firstByteMs);
  const [ours, theirs] = [await hashOfUrl(url), await hashOfFile(path)];
  if (ours !== theirs) bench.problems.push(`the client's SHA-256 ${ours} is not the back end's ${theirs}`);
  rmSync(path);
}

async function setOutput(url: string, outputBytes: { bytes: number; seed: number }): Promise<void> {
  const reply = await fetch(`${url}/emulator/faults`, { method: 'POST', body: JSON.stringify({ outputBytes }) });
  if (!reply.ok) throw new Error(`the emulator refused an output size: ${await reply.text()}`);
}

async function waitForFile({ stage }: Bench, submission: Submission): Promise<string> {
  for (;;) {
    const status = await stage.arm.status(submission);
    if (status === 'completed') break;
    if (status !== 'in_queue' && status !== 'in_progress') throw new Error(`the request is ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const result = await stage.arm.result(submission);
  const url = Object.values(result.outputs ?? {}).flatMap(({ images = [] }) => images)[0]?.url;
  if (url === undefined) throw new Error(`the request has no output: ${JSON.stringify(result)}`);
  return url;
}

async function hashOfUrl(url: string): Promise<string> {
  const hash = createHash('sha256');
  const { body } = await request(url);
  for await (const chunk of body) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Milliseconds for cp, twice, page cache warm as it is for the gateway. */
function copyTwice(path: string): number {
  const startedAt = performance.now();
  execFileSync('cp', [path, `${path}.1`]);
  execFileSync('cp', [`${path}.1`, `${path}.2`]);
  const elapsedMs = performance.now() - startedAt;
  for (const copy of ['.1', '.2']) rmSync(`${path}${copy}`);
  return elapsedMs;
}

/** Samples the resident memory; `stop` answers how far it rose above where it began. */
function watchMemory(pid: number): { stop(): number } {
  const before = residentBytes(pid);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(most, residentBytes(pid)) - before;
    },
  };
}
