// Prompts that callers send through the proxy: checked, recorded as the caller's, and sent in their turn under ids of
// ours. The answer waits for the turn and is ComfyUI's own. Made by proxy.ts; called by routes.ts.
import { ApiError } from '@comfleet/api';
import { isJsonObject, type JsonValue, stringifyJson } from '@comfleet/comfyui';
import type { GuestPlace } from '../dispatch/guests.ts';
import type { Guest } from '../dispatch/slots.ts';
import { type RunEnd, type WatchTimes, watchPrompt } from '../execution/watch.ts';
import type { Fleet, Instance } from '../instances/fleet.ts';
import type { ReadObjectInfo } from '../instances/known-object-info.ts';
import { describeError, type Log } from '../telemetry/log.ts';
import { ask } from './ask.ts';
import { type CheckedPrompt, checkPrompt } from './check-prompt.ts';
import { toUnreachable } from './forward.ts';
import type { Owners } from './owners.ts';
import type { Pools } from './pools.ts';
import type { Sockets } from './sockets.ts';

export interface PromptsDeps {
  readonly pools: Pools;
  readonly owners: Owners;
  readonly sockets: Sockets;
  readonly newId: () => string;
  readonly log: Log;
  readonly watchTimes: WatchTimes;
  readonly runTimeoutMs: number;
  readonly objectInfoOf: ReadObjectInfo;
  readonly takeGuestPlace: (
    instance: Instance,
    given: { guest: Guest; signal: AbortSignal },
  ) => Promise<GuestPlace | undefined>;
  readonly reportDeadWorker: Fleet['reportDeadWorker'];
}

export interface PromptCall {
  readonly accountId: string;
  readonly tokenId: string;
  readonly deploymentId: string;
  readonly instance: Instance;
  readonly body: JsonValue;
  /** The caller went away. */
  readonly signal: AbortSignal;
}

export interface PromptAnswer {
  readonly status: number;
  readonly body: Buffer | string;
}

export interface Prompts {
  send(call: PromptCall): Promise<PromptAnswer>;
  /** Ends what waits and interrupts what runs. */
  endWhere(matches: (of: { deploymentId: string; instanceId: string }) => boolean): void;
  deployments(): string[];
}

interface Live {
  readonly deploymentId: string;
  readonly instance: Instance;
  readonly promptId: string;
  readonly controller: AbortController;
}

/** How long an answer waits for the instance to have its turn for the prompt. */
const TURN_MS = 300_000;
/** Model lists and nodes change while an instance runs, but not within a minute. */
const KEPT_INFO_MS = 60_000;

export function createPrompts(deps: PromptsDeps): Prompts {
  const live = new Set<Live>();

  return {
    async send(call) {
      const { instance } = call;
      const promptId = deps.newId();
      const controller = new AbortController();
      const entry: Live = { deploymentId: call.deploymentId, instance, promptId, controller };
      // Before anything is waited for: a deployment that is closed meanwhile ends it.
      live.add(entry);
      let place: GuestPlace | undefined;
      const over = () => {
        live.delete(entry);
        place?.release();
      };
      try {
        const checked = await check(deps, call, promptId);
        if (checked.kind === 'refused') {
          over();
          return { status: 400, body: stringifyJson({ ...checked.verdict }) };
        }
        place = await takeTurn(deps, call, entry);
        if (place === undefined) throw notTaken(instance, controller.signal);
        return await sendNow(deps, call, { entry, place, prompt: checked.prompt, over });
      } catch (error) {
        over();
        throw error;
      }
    },
    deployments: () => [...live].map(({ deploymentId }) => deploymentId),
    endWhere(matches) {
      for (const { deploymentId, instance, controller } of [...live]) {
        if (matches({ deploymentId, instanceId: instance.id })) controller.abort();
      }
    },
  };
}

async function check({ owners, objectInfoOf }: PromptsDeps, call: PromptCall, promptId: string) {
  const { instance, accountId, body } = call;
  const info = await objectInfoOf(instance, KEPT_INFO_MS).catch((error: unknown) => {
    throw toUnreachable(instance, error);
  });
  return await checkPrompt(owners, { body, info, promptId, at: { accountId, instanceId: instance.id } });
}

async function takeTurn(deps: PromptsDeps, call: PromptCall, entry: Live): Promise<GuestPlace | undefined> {
  const guest: Guest = { promptId: entry.promptId, accountId: call.accountId, deploymentId: call.deploymentId };
  const signal = AbortSignal.any([call.signal, entry.controller.signal, AbortSignal.timeout(TURN_MS)]);
  return await deps.takeGuestPlace(call.instance, { guest, signal });
}

function notTaken(instance: Instance, ended: AbortSignal): ApiError {
  const why = ended.aborted ? 'went away or was closed' : 'has been busy for too long';
  const headers = { 'retry-after': '10' };
  return new ApiError(10007, `Instance ${instance.id} ${why}; the prompt was not sent.`, { headers });
}

interface Sending {
  readonly entry: Live;
  readonly place: GuestPlace;
  readonly prompt: CheckedPrompt;
  readonly over: () => void;
}

async function sendNow(deps: PromptsDeps, call: PromptCall, sending: Sending): Promise<PromptAnswer> {
  const { accountId, tokenId, deploymentId, instance } = call;
  const { promptId } = sending.entry;
  const at = { accountId, instanceId: instance.id };
  const { callerId } = sending.prompt;
  const relay = callerId === undefined ? undefined : deps.sockets.find({ ...at, callerId });
  const clientId = relay?.clientId ?? instance.connection.clientId();
  if (clientId === undefined) throw new ApiError(10007, `Instance ${instance.id} is not connected at the moment.`);
  await deps.owners.record({ promptId, ...at, tokenId, deploymentId });
  relay?.expect(promptId);
  const watch = follow(deps, call, sending);
  let answer: Awaited<ReturnType<typeof ask>>;
  try {
    const json = writeBody(sending.prompt, { promptId, clientId });
    answer = await ask(deps.pools, instance, { method: 'POST', path: '/prompt', json });
  } catch (error) {
    watch.ask(); // it may have arrived
    throw error;
  }
  if (answer.status !== 200) watch.stop();
  else if (relay === undefined) deps.log.debug({ promptId }, 'a proxied prompt without a websocket');
  deps.log.info(
    { promptId, accountId, tokenId, deploymentId, instanceId: instance.id, status: answer.status },
    'prompt proxied',
  );
  return { status: answer.status, body: answer.body };
}

function writeBody(prompt: CheckedPrompt, ids: { promptId: string; clientId: string }): string {
  const extra = prompt.extraDataJson === undefined ? '' : `,"extra_data":${prompt.extraDataJson}`;
  const { promptId, clientId } = ids;
  return `{"prompt":${prompt.graphJson},"prompt_id":"${promptId}","client_id":${JSON.stringify(clientId)}${extra}}`;
}

function follow(deps: PromptsDeps, call: PromptCall, { entry, place, over }: Sending) {
  const { instance, accountId } = call;
  const { promptId, controller } = entry;
  const watch = watchPrompt({
    connection: instance.connection,
    promptId,
    times: deps.watchTimes,
    onFrame: () => undefined,
    onExecuted: (_nodeId, output) => noteFiles(deps.owners, { accountId, instanceId: instance.id }, output),
    onPreview: () => undefined,
    onOver: over,
  });
  const stop = () => void interrupt(deps, instance, promptId);
  controller.signal.addEventListener('abort', stop, { once: true });
  let timer: NodeJS.Timeout | undefined;
  place.onFront(() => {
    if (deps.runTimeoutMs < 2 ** 31) timer = setTimeout(stop, deps.runTimeoutMs).unref();
  });
  void watch.ended.then((end: RunEnd) => {
    clearTimeout(timer);
    controller.signal.removeEventListener('abort', stop);
    if (end.kind === 'lost' && end.isWorkerDead) {
      deps.reportDeadWorker(instance, { promptId, hasBegun: end.hasBegun === true });
    }
  });
  return watch;
}

async function interrupt({ log }: PromptsDeps, { connection }: Instance, promptId: string): Promise<void> {
  try {
    await connection.client.deletePending(promptId);
    const { running } = await connection.client.queue();
    if (running.includes(promptId)) await connection.client.interrupt(promptId);
  } catch (error) {
    log.debug({ promptId, ...describeError(error) }, 'a proxied prompt could not be interrupted');
  }
}

function noteFiles(owners: Owners, at: { accountId: string; instanceId: string }, output: JsonValue): void {
  if (!isJsonObject(output)) return;
  for (const item of Object.values(output).flatMap((value) => (Array.isArray(value) ? value : []))) {
    if (!isJsonObject(item) || typeof item['filename'] !== 'string') continue;
    const { filename, subfolder, type } = item;
    owners.noteFile(at, { filename, subfolder: text(subfolder, ''), type: text(type, 'output') });
  }
}

function text(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
