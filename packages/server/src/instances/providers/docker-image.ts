// Has the image of an instance at the engine before its container is made: as it is there, or pulled, with what that waits for
// told meanwhile. Called by docker-start.ts.
import type { DockerApi } from './docker-api.ts';
import { explainEngine, explainPull, readFailure } from './docker-error.pure.ts';
import type { DockerSettings } from './docker-settings.pure.ts';
import { createPullProgress, errorOf } from './docker-state.pure.ts';

interface Wish {
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onWords: (words: string) => void;
}

/** A registry that says nothing for so long has forgotten us. */
const SILENCE_MS = 300_000;

/** Rejects with words for a person. */
export async function ensureImage(api: DockerApi, settings: DockerSettings, wish: Wish): Promise<void> {
  const { image, pull } = settings;
  const isThere = pull !== 'always' && (await hasImage(api, image));
  wish.signal.throwIfAborted();
  if (isThere) return;
  if (pull === 'never') throw new Error(`the image ${image} is not at the engine, and "pull" is "never"`);
  await pullImage(api, settings, wish);
}

async function hasImage(api: DockerApi, image: string): Promise<boolean> {
  return await api.hasImage(image).catch((error: unknown) => {
    throw new Error(explainEngine(readFailure(error), api.engine), { cause: error });
  });
}

async function pullImage(api: DockerApi, settings: DockerSettings, wish: Wish): Promise<void> {
  const { image } = settings;
  const progress = createPullProgress(image);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  let refusal: string | undefined;
  wish.onWords(`pulling the image ${image}`);
  try {
    await api.pull({
      image,
      login: readLogin(settings, wish.environment),
      signal: AbortSignal.any([wish.signal, silence.signal]),
      onMessage(message) {
        timer.refresh();
        refusal = errorOf(message) ?? refusal;
        const words = progress(message);
        if (words !== undefined) wish.onWords(words);
      },
    });
  } catch (error) {
    wish.signal.throwIfAborted();
    const failure = readFailure(silence.signal.aborted ? silence.signal.reason : error);
    const isLost = failure.code === undefined && !silence.signal.aborted;
    throw new Error(isLost ? explainEngine(failure, api.engine) : explainPull(failure.message, image), {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
  // The status of the answer was 200 before the registry was asked.
  if (refusal !== undefined) throw new Error(explainPull(refusal, image));
}

function readLogin({ registry }: DockerSettings, environment: Wish['environment']) {
  if (registry === undefined) return undefined;
  const password = environment[registry.passwordFrom];
  if (password !== undefined && password !== '') return { username: registry.username, password };
  throw new Error(`the variable ${registry.passwordFrom} is not set: "registry" of the hardware names it`);
}
