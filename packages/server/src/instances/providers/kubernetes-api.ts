// The calls to a cluster's API that instances need, through the official client: each with a time-out, and tried again
// where the API server asks for it. Called by kubernetes.ts and its neighbours.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeConfig, V1Pod } from '@kubernetes/client-node';
import { describeError } from '../../telemetry/log.ts';
import { type ApiFailure, isPassing, isPermission, pauseMs, readFailure } from './kubernetes-error.pure.ts';
import { CONTAINER, type SeenPod } from './kubernetes-pod.pure.ts';

/** The client library: an optional peer, loaded by the first provider that needs it. */
export type Library = typeof import('@kubernetes/client-node');

/** What to install; kept equal to package.json by a test. */
export const CLIENT_PACKAGE = '@kubernetes/client-node@1.4.0';

export interface PodEvent {
  readonly type: string;
  readonly object: unknown;
}

export interface WatchWish {
  readonly selector: string;
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: PodEvent) => void;
}

export interface Question {
  readonly verb: string;
  readonly subresource?: string;
}

/** One namespace of one cluster. */
export interface KubernetesApi {
  readonly namespace: string;
  createPod(pod: V1Pod, options?: { isDryRun: boolean }): Promise<SeenPod>;
  readPod(name: string): Promise<SeenPod>;
  deletePod(name: string, options?: { isForced: boolean }): Promise<void>;
  listPods(selector: string): Promise<{ pods: readonly SeenPod[]; resourceVersion: string }>;
  /** Resolves when the server ends the watch as it was told to; rejects when anything else does. */
  watchPods(wish: WatchWish): Promise<void>;
  readLog(name: string, lines: number): Promise<string[]>;
  mayI(question: Question): Promise<boolean>;
  readSecret(name: string): Promise<void>;
}

const CALL_MS = 15_000;
const TRIES = 5;
const PAGE = 500;
/** Beyond the time that the server was told: then the connection is dead, and nobody has said so. */
const SILENCE_MS = 10_000;
const LOG_BYTES = 64 * 1024;

export async function loadLibrary(load: () => Promise<Library> = () => import('@kubernetes/client-node')) {
  try {
    return await load();
  } catch (error) {
    const remedy = `npm install --no-save --omit=dev ${CLIENT_PACKAGE}`;
    const message = `hardware with "kubernetes" needs the Kubernetes client, which is not installed: ${remedy}`;
    throw new Error(`${message} (${describeError(error).error})`, { cause: error });
  }
}

/** By the service account inside of a cluster, by KUBECONFIG or ~/.kube/config outside. */
export function loadConfig({ KubeConfig }: Library, context: string | undefined): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  if (context === undefined) return config;
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(context)) {
    throw new Error(`the kubeconfig has no context "${context}"; it has ${names.join(', ') || 'none'}`);
  }
  config.setCurrentContext(context);
  return config;
}

export function createKubernetesApi(library: Library, config: KubeConfig, namespaceWish?: string): KubernetesApi {
  const namespace = namespaceWish ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  const { core, authorization } = createClients(library, config);
  const watch = new library.Watch(config);
  return {
    namespace,
    createPod: (body, { isDryRun } = { isDryRun: false }) =>
      persevere(() =>
        core.createNamespacedPod({ namespace, body, fieldValidation: 'Strict', ...(isDryRun && { dryRun: 'All' }) }),
      ),
    readPod: (name) => persevere(() => core.readNamespacedPod({ namespace, name })),
    async deletePod(name, { isForced } = { isForced: false }) {
      const forced = isForced ? { gracePeriodSeconds: 0 } : {};
      await persevere(() =>
        core.deleteNamespacedPod({ namespace, name, propagationPolicy: 'Background', ...forced }),
      ).catch((error: unknown) => {
        if (readFailure(error).code !== 404) throw error;
      });
    },
    async listPods(labelSelector) {
      const pods: SeenPod[] = [];
      let next: string | undefined;
      for (;;) {
        const page = await persevere(() =>
          core.listNamespacedPod({
            namespace,
            labelSelector,
            limit: PAGE,
            ...(next !== undefined && { _continue: next }),
          }),
        );
        pods.push(...page.items);
        next = page.metadata?._continue;
        if (next === undefined || next === '') return { pods, resourceVersion: page.metadata?.resourceVersion ?? '' };
      }
    },
    watchPods: (wish) => watchPods(watch, namespace, wish),
    async readLog(name, tailLines) {
      const text = await core.readNamespacedPodLog({
        namespace,
        name,
        container: CONTAINER,
        tailLines,
        limitBytes: LOG_BYTES,
      });
      const lines = text.split(/\r?\n/);
      if (lines.at(-1) === '') lines.pop();
      return lines;
    },
    async mayI({ verb, subresource }) {
      const resourceAttributes = { namespace, verb, group: '', resource: 'pods', ...(subresource && { subresource }) };
      const body = { spec: { resourceAttributes } };
      // Everybody may ask this: a server that forbids it has just started, and has not read its rules yet.
      const isPassingToo = (failure: ApiFailure) => isPassing(failure) || isPermission(failure);
      const review = await persevere(() => authorization.createSelfSubjectAccessReview({ body }), isPassingToo);
      return review.status?.allowed === true;
    },
    async readSecret(name) {
      await persevere(() => core.readNamespacedSecret({ namespace, name }));
    },
  };
}

function createClients(library: Library, config: KubeConfig) {
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error('the kubeconfig names no cluster; set KUBECONFIG, or "context" of the hardware');
  const timed = {
    // The client of itself waits for ever.
    pre: async (context: InstanceType<Library['RequestContext']>) => {
      context.setSignal(AbortSignal.timeout(CALL_MS));
      return context;
    },
    post: async (response: InstanceType<Library['ResponseContext']>) => response,
  };
  const configuration = library.createConfiguration({
    baseServer: new library.ServerConfiguration(cluster.server, {}),
    authMethods: { default: keepConnections(config) },
    promiseMiddleware: [timed],
  });
  return {
    core: new library.CoreV1Api(configuration),
    authorization: new library.AuthorizationV1Api(configuration),
  };
}

/** The client of itself opens a TLS connection for each call. A proxy's agent is left as it is. */
function keepConnections(config: KubeConfig): Pick<KubeConfig, 'getName' | 'applySecurityAuthentication'> {
  let kept: { readonly agent: HttpAgent | HttpsAgent; readonly like: object } | undefined;
  return {
    getName: () => config.getName(),
    async applySecurityAuthentication(context) {
      await config.applySecurityAuthentication(context);
      const made = context.getAgent();
      if (made === undefined || (made.constructor !== HttpAgent && made.constructor !== HttpsAgent)) return;
      const like = { ...(made as HttpsAgent).options };
      // Certificates are renewed on the disk: what was read anew then has connections of its own.
      if (kept === undefined || !isDeepStrictEqual(kept.like, like)) {
        kept?.agent.destroy();
        const options = { ...like, keepAlive: true };
        kept = { like, agent: made.constructor === HttpAgent ? new HttpAgent(options) : new HttpsAgent(options) };
      }
      context.setAgent(kept.agent);
    },
  };
}

async function persevere<T>(call: () => Promise<T>, isWorthATry = isPassing): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      const failure = readFailure(error);
      if (tries === TRIES || !isWorthATry(failure)) throw error;
      await sleep(pauseMs(failure, tries, Math.random()));
    }
  }
}

function watchPods(watch: InstanceType<Library['Watch']>, namespace: string, wish: WatchWish): Promise<void> {
  const { selector, resourceVersion, timeoutSeconds, signal, onEvent } = wish;
  const query = { labelSelector: selector, resourceVersion, timeoutSeconds, allowWatchBookmarks: true };
  return new Promise((resolve, reject) => {
    let controller: AbortController | undefined;
    let isOver = false;
    const end = (error?: unknown) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(guard);
      signal.removeEventListener('abort', stop);
      controller?.abort();
      if (error === undefined || error === null) resolve();
      else reject(error);
    };
    const stop = () => end();
    const tell = (type: string, object: unknown) => {
      if (isOver) return;
      try {
        onEvent({ type, object });
      } catch (error) {
        end(error); // the client would take it for a line that is no JSON
      }
    };
    const guard = setTimeout(stop, timeoutSeconds * 1000 + SILENCE_MS);
    signal.addEventListener('abort', stop);
    if (signal.aborted) return end();
    watch.watch(`/api/v1/namespaces/${namespace}/pods`, query, tell, end).then((made) => {
      controller = made;
      if (isOver) made.abort();
    }, end);
  });
}
