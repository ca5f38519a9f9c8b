// The way of one instance from its image to a container that runs: image, network, container, start. Each step can be taken
// again: what is there already, of this call or an earlier one whose answer was lost, is gone on with. Called by
// docker-containers.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceSpec } from '../provider.ts';
import type { DockerApi } from './docker-api.ts';
import { explainStart, isPortTaken, pauseMs, readFailure } from './docker-error.pure.ts';
import { ensureImage } from './docker-image.ts';
import { containerName, makeContainer, readLabels } from './docker-manifest.ts';
import type { Networks } from './docker-network.ts';
import type { DockerSettings } from './docker-settings.pure.ts';

export interface StartDeps {
  readonly api: DockerApi;
  readonly fleetId: string;
  readonly networks: Networks;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface StartWish {
  readonly spec: InstanceSpec;
  readonly settings: DockerSettings;
  readonly gpus: readonly string[];
  /** It is not wanted any more. */
  readonly signal: AbortSignal;
  readonly onWords: (words: string) => void;
}

const PORT_TRIES = 5;

/** Rejects with words for a person. */
export async function startInstance(deps: StartDeps, wish: StartWish): Promise<void> {
  const { api, fleetId, networks, environment } = deps;
  const { spec, settings, gpus, signal, onWords } = wish;
  await ensureImage(api, settings, { signal, environment, onWords });
  onWords('the container is being made');
  try {
    const reach = await networks.ensure(settings);
    const body = makeContainer(spec, settings, { fleetId, reach, gpus, environment });
    await makeOnce(deps, spec, async () => await api.createContainer(containerName(spec.id), body, signal));
    await startContainer(api, spec.id, signal);
  } catch (error) {
    signal.throwIfAborted();
    const failure = readFailure(error);
    // Words of our own have no code either.
    if (failure.code === undefined && failure.reason === undefined) throw error;
    throw new Error(explainStart(failure, settings, api.engine), { cause: error });
  }
}

async function makeOnce({ api, fleetId }: StartDeps, spec: InstanceSpec, make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (readFailure(error).code !== 409) throw error;
    const name = containerName(spec.id);
    const there = await api.readContainer(name);
    if (there === undefined) return await make(); // it was just being removed
    if (readLabels(there, fleetId)?.spec.id === spec.id) return;
    throw new Error(`the engine has a container ${name} already, and it is not of this comfleet`, { cause: error });
  }
}

/** Also of a container that an earlier start of the service had made. */
export async function startContainer(api: DockerApi, id: string, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.startContainer(containerName(id), signal);
    } catch (error) {
      if (tries === PORT_TRIES || !isPortTaken(readFailure(error))) throw error;
      await sleep(pauseMs(tries, Math.random()), undefined, { signal });
    }
  }
}
