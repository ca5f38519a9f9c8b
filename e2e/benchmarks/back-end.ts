// What stands behind the gateway in a run: R, a real ComfyUI that somebody started, the emulator, or F, the fake that
// answers at once (peers/fake-comfyui.ts). Also asks it what it really executed.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { pidListeningOn } from './process-cost.ts';
import { answers, type Child, freePort, startNode, startProgram, waitUntil } from './processes.ts';

export interface BackEnd {
  readonly url: string;
  /** How a table names it. */
  readonly name: string;
  readonly pid: number | undefined;
  /** Where its outputs appear, if that is known. */
  readonly outputDir?: string;
  stop(): Promise<void>;
}

export function realBackEnd(url: string): BackEnd {
  const { port } = new URL(url);
  return { url, name: 'R', pid: pidListeningOn(Number(port || 80)), stop: async () => undefined };
}

/** The command line of a real ComfyUI, as the configuration of the process provider has it. */
export function fillCommand(command: readonly string[], given: { port: number; baseDir: string }): string[] {
  return command.map((part) => part.replaceAll('{port}', String(given.port)).replaceAll('{base_dir}', given.baseDir));
}

export async function startReal(given: { command: readonly string[]; dir: string }): Promise<BackEnd> {
  const port = await freePort();
  const baseDir = join(given.dir, 'comfyui');
  mkdirSync(baseDir, { recursive: true });
  const [program = '', ...args] = fillCommand(given.command, { port, baseDir });
  const logPath = join(given.dir, 'R.log');
  const child = startProgram(program, { args, cwd: given.dir, logPath });
  const backEnd = await awaitBackEnd({ name: 'R', port, child, logPath });
  return { ...backEnd, outputDir: join(baseDir, 'output') };
}

let setAside = 0;

/** An empty output folder, as each arm is to find it; what is there is renamed, since deleting would take its time later. */
export function freshOutput({ outputDir }: BackEnd): void {
  if (outputDir === undefined || !existsSync(outputDir)) return;
  setAside += 1;
  renameSync(outputDir, `${outputDir}-${setAside}`);
  mkdirSync(outputDir);
}

export async function startEmulator(given: { buildDir: string; dir: string; flags?: string[] }): Promise<BackEnd> {
  const port = await freePort();
  const args = [join(given.buildDir, 'emulator.js'), '--port', String(port), '--base-dir', join(given.dir, 'emulator')];
  const flags = [...args, ...(given.flags ?? [])];
  const backEnd = await startBackEnd({ name: 'emulator', port, dir: given.dir, args: flags });
  return { ...backEnd, outputDir: join(given.dir, 'emulator', 'output') };
}

export async function startFake(given: { dir: string; serviceMs?: number }): Promise<BackEnd> {
  const port = await freePort();
  const file = fileURLToPath(new URL('./peers/fake-comfyui.ts', import.meta.url));
  const args = ['--import', 'tsx', file, String(port), String(given.serviceMs ?? 0)];
  return await startBackEnd({ name: 'F', port, dir: given.dir, args });
}

export interface Fakes {
  readonly urls: readonly string[];
  readonly pid: number;
  stop(): Promise<void>;
}

interface FakesInput {
  readonly buildDir: string;
  readonly dir: string;
  /** Chosen before, where somebody has to know them first. */
  readonly ports: readonly number[];
  readonly serviceMs: number;
}

/** Gives the path of the program. */
export function bundleFake(buildDir: string): string {
  const file = fileURLToPath(new URL('./peers/fake-comfyui.ts', import.meta.url));
  const outfile = join(buildDir, 'fake-comfyui.mjs');
  buildSync({ entryPoints: [file], outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
  return outfile;
}

/** Several F in one process; bundled, so that no loader runs while it is measured. */
export async function startFakes({ buildDir, dir, ports, serviceMs }: FakesInput): Promise<Fakes> {
  const outfile = bundleFake(buildDir);
  const logPath = join(dir, 'F.log');
  const child = startNode({ args: [outfile, ports.join(','), String(serviceMs)], cwd: dir, logPath });
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  for (const url of urls) {
    await waitUntil(() => answers(`${url}/system_stats`), { what: 'F', withinMs: 60_000, child, logPath });
  }
  return { urls, pid: child.pid, stop: () => child.stop() };
}

async function startBackEnd(given: { name: string; port: number; dir: string; args: string[] }): Promise<BackEnd> {
  const logPath = join(given.dir, `${given.name}.log`);
  // tsx is resolved from here, not from the temporary folder.
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const child = startNode({ args: given.args, cwd, logPath });
  return await awaitBackEnd({ name: given.name, port: given.port, child, logPath });
}

interface Started {
  readonly name: string;
  readonly port: number;
  readonly child: Child;
  readonly logPath: string;
}

async function awaitBackEnd({ name, port, child, logPath }: Started): Promise<BackEnd> {
  const url = `http://127.0.0.1:${port}`;
  await waitUntil(() => answers(`${url}/system_stats`), { what: name, withinMs: 60_000, child, logPath });
  return { url, name, pid: child.pid, stop: () => child.stop() };
}

export interface Executed {
  readonly promptId: string;
  readonly colour: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly isSuccess: boolean;
  readonly file: { filename: string; subfolder: string; type: string } | undefined;
}

interface HistoryEntry {
  prompt: [number, string, Record<string, { inputs: Record<string, unknown> }>];
  outputs: Record<string, { images?: Executed['file'][] }>;
  status?: { messages: [string, { timestamp?: number }][] };
}

const RECORD_WITHIN_MS = 2_000;

/** The same once so many are there: ComfyUI writes a run down a moment after it told of its success. */
export async function listWhenRecorded(url: string, count: number): Promise<Executed[]> {
  const until = performance.now() + RECORD_WITHIN_MS;
  for (;;) {
    const executed = await listExecuted(url);
    if (executed.length >= count || performance.now() > until) return executed;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Everything in the back end's history, oldest first. */
export async function listExecuted(url: string): Promise<Executed[]> {
  const reply = await fetch(`${url}/history`);
  const history = (await reply.json()) as Record<string, HistoryEntry>;
  return Object.entries(history).map(([promptId, entry]) => {
    const messages = entry.status?.messages ?? [];
    const at = (name: string) => messages.find(([type]) => type === name)?.[1].timestamp ?? Number.NaN;
    return {
      promptId,
      colour: Number(entry.prompt[2]['1']?.inputs['color']),
      startedAt: at('execution_start'),
      endedAt: at('execution_success'),
      isSuccess: messages.at(-1)?.[0] === 'execution_success',
      file: entry.outputs['2']?.images?.[0],
    };
  });
}

export async function clearHistory(url: string): Promise<void> {
  const reply = await fetch(`${url}/history`, { method: 'POST', body: '{"clear":true}' });
  await reply.arrayBuffer();
}

export async function readBackEndFile(url: string, file: NonNullable<Executed['file']>): Promise<Buffer> {
  const reply = await fetch(`${url}/view?${new URLSearchParams(file)}`);
  if (!reply.ok) throw new Error(`/view of ${file.subfolder}/${file.filename} answered ${reply.status}`);
  return Buffer.from(await reply.arrayBuffer());
}
