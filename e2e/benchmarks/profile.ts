// The hottest functions of a CPU profile that node wrote (--profile). Called by main.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** Every profile in the folder, by time spent in the function itself. */
export function hottestFunctions(dir: string, count: number): string[] {
  const lines: string[] = [];
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile: CpuProfile = JSON.parse(readFileSync(join(dir, name), 'utf8'));
    lines.push(...rank(profile).slice(0, count));
  }
  return lines;
}

function rank({ nodes, samples, timeDeltas }: CpuProfile): string[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const selfUs = new Map<string, number>();
  let busyUs = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id) ?? '?';
    const us = timeDeltas[index] ?? 0;
    if (frame.startsWith('(idle)') || frame.startsWith('(root)')) continue;
    busyUs += us;
    selfUs.set(frame, (selfUs.get(frame) ?? 0) + us);
  }
  return [...selfUs]
    .sort(([, a], [, b]) => b - a)
    .map(
      ([frame, us]) =>
        `${((100 * us) / busyUs).toFixed(1).padStart(5)} %  ${(us / 1e3).toFixed(0).padStart(6)} ms  ${frame}`,
    );
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  return `${functionName || '(anonymous)'}${url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`}`;
}
