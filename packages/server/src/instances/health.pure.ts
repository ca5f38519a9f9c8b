// Whether an instance is to blame for the runs that fail on it. Pure; asked by fleet.ts after each run.
//
// One run is enough where the error says that the process is spoilt (a poisoned CUDA context). A graph that is wrong fails
// everywhere, so failures of one version say nothing unless it ran before; failures of several versions in a row, with no
// run that succeeded in between, say that the instance takes work and does none.

export interface RunReport {
  readonly kind: 'ok' | 'failed' | 'lost';
  readonly versionId: string;
  /** ComfyUI's exception type and message: `RuntimeError: CUDA error: …`. */
  readonly error: string | undefined;
  /** The version succeeded before, here or on another instance: it is not the graph's fault. */
  readonly isProven?: boolean;
}

export interface Health {
  /** In a row. */
  readonly failures: number;
  readonly versions: readonly string[];
  /** Of them, those of versions that had succeeded before. */
  readonly proven: number;
  /** Runs that ended in a loss, in a row. */
  readonly losses: number;
}

export const HEALTHY: Health = { failures: 0, versions: [], proven: 0, losses: 0 };

export type HealthVerdict = { kind: 'fine' } | { kind: 'replace'; because: string };

/** Words after which nothing runs in that process any more (CUDA, HIP, and the driver itself). */
const POISON: readonly RegExp[] = [
  /illegal memory access/i,
  /device-side assert/i,
  /unspecified launch failure/i,
  /misaligned address/i,
  /CUDA error: (unknown error|an illegal instruction|uncorrectable ECC|the launch timed out)/i,
  /HIP error/i,
  /CUDA driver (version is insufficient|error)/i,
  /no CUDA-capable device|No CUDA GPUs are available/i,
];
const DEVICE_ERRORS = /^(torch\.\w*\.?)?(RuntimeError|AcceleratorError|OutOfMemoryError|SystemError|OSError)\b/;
const MOST_FAILURES = 4;
const LEAST_VERSIONS = 2;
const MOST_LOSSES = 3;

export function judgeHealth(before: Health, run: RunReport): { health: Health; verdict: HealthVerdict } {
  if (run.kind === 'ok') return { health: HEALTHY, verdict: { kind: 'fine' } };
  if (run.kind === 'lost') {
    const health = { ...before, losses: before.losses + 1 };
    if (health.losses < MOST_LOSSES) return { health, verdict: { kind: 'fine' } };
    return { health, verdict: replace(`it lost ${health.losses} runs in a row`) };
  }
  // What a node says of its own input is not the device's word, whatever it quotes.
  const isDevice = DEVICE_ERRORS.test(run.error ?? '');
  const poison = isDevice ? POISON.find((pattern) => pattern.test(run.error ?? '')) : undefined;
  const versions = before.versions.includes(run.versionId) ? before.versions : [...before.versions, run.versionId];
  const proven = before.proven + (run.isProven === true ? 1 : 0);
  const health = { failures: before.failures + 1, versions: versions.slice(-LEAST_VERSIONS), proven, losses: 0 };
  if (poison !== undefined) return { health, verdict: replace(`its process is spoilt: ${shorten(run.error)}`) };
  const isSpread = health.versions.length >= LEAST_VERSIONS;
  if (health.failures < MOST_FAILURES || (!isSpread && health.proven < MOST_FAILURES)) {
    return { health, verdict: { kind: 'fine' } };
  }
  const which = isSpread ? 'of different workflows' : 'of a workflow that ran before';
  const because = `it failed ${health.failures} runs ${which} in a row, the last with: ${shorten(run.error)}`;
  return { health, verdict: replace(because) };
}

function replace(because: string): HealthVerdict {
  return { kind: 'replace', because };
}

function shorten(error: string | undefined): string {
  return (error ?? 'an unknown error').replace(/\s+/g, ' ').trim().slice(0, 200);
}
