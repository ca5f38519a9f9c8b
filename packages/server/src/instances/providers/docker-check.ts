// Whether an engine would let us make instances, before the first one is needed, in words with the way out. Called by docker.ts.
import type { ProviderProblem } from '../provider.ts';
import type { DockerApi, EngineInfo } from './docker-api.ts';
import { explainEngine, readFailure } from './docker-error.pure.ts';
import type { DockerSettings } from './docker-settings.pure.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export async function checkEngines(
  apis: ReadonlyMap<string, DockerApi>,
  settings: ReadonlyMap<string, DockerSettings>,
  environment: Environment,
): Promise<ProviderProblem[]> {
  const found = await Promise.all(
    [...apis].map(async ([sku, api]) => {
      const ofSku = settings.get(sku);
      const problems = ofSku === undefined ? [] : await checkSku(api, ofSku, environment);
      return problems.map((says) => ({ sku, says }));
    }),
  );
  return found.flat();
}

async function checkSku(api: DockerApi, settings: DockerSettings, environment: Environment): Promise<string[]> {
  const problems: string[] = [];
  try {
    problems.push(...findMisfits(await api.info(), settings));
    if (settings.pull === 'never' && !(await api.hasImage(settings.image))) {
      problems.push(`the image ${settings.image} is not at the engine, and "pull" is "never"`);
    }
  } catch (error) {
    return [explainEngine(readFailure(error), api.engine)];
  }
  for (const name of findUnset(settings, environment)) problems.push(`the variable ${name} is not set`);
  return problems;
}

function findMisfits({ OSType, MemTotal, Runtimes }: EngineInfo, { memory, runtime }: DockerSettings): string[] {
  const problems: string[] = [];
  if (OSType !== undefined && OSType !== 'linux') problems.push(`the engine runs ${OSType} containers, not Linux ones`);
  if (memory !== undefined && MemTotal !== undefined && MemTotal > 0 && memory > MemTotal) {
    const machine = Math.floor(MemTotal / 1024 ** 2);
    problems.push(`"memory" is ${Math.ceil(memory / 1024 ** 2)} MB, and the machine has ${machine} MB`);
  }
  const known = Object.keys(Runtimes ?? {});
  if (runtime !== undefined && known.length > 0 && !known.includes(runtime) && !runtime.includes('/')) {
    problems.push(`the engine has no runtime "${runtime}"; it has ${known.join(', ')}`);
  }
  return problems;
}

/** Variables that the settings name, and the service does not have. */
export function findUnset({ envFrom, registry }: DockerSettings, environment: Environment): string[] {
  const named = [...envFrom, ...(registry === undefined ? [] : [registry.passwordFrom])];
  return named.filter((name) => (environment[name] ?? '') === '');
}
