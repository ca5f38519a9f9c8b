// The error simulator of a server started with --sandbox: lets a submit, a poll or any call end with a code of the
// catalogue, and disturbs nothing else. Made by app-engine.ts; called by submit.ts, routes.ts and after a restart by dispatch.
import { ApiError, ERRORS, type ErrorCode, type Problem, validationError } from '@comfleet/api';
import { isJsonObject, type JsonObject, type JsonValue } from '@comfleet/comfyui';
import type { Database } from '../../db/database.ts';
import { persist } from '../../db/persist.ts';
import { listMethods } from '../../http/known-routes.ts';
import { describeError } from '../../telemetry/log.ts';
import { type Ending, finishRequest } from '../finish.ts';
import { type LiveRequest, publish, wishStop } from '../live.ts';
import type { RequestPayload } from '../payload.ts';
import { startTrace } from '../report.pure.ts';
import { BEHAVIOURS, makeAnswer, type Scene } from './behaviours.pure.ts';
import { listSimulated } from './simulation.sql.ts';
import { readWish, SIMULATE, type SimulationWish } from './wish.pure.ts';

type FinishDeps = Parameters<typeof finishRequest>[0];

interface Deps extends FinishDeps {
  readonly db: Database;
  readonly newId: () => string;
}

export interface Simulator {
  /** What a submit asks for, by its header or by a label of its body. Throws 422001 for what cannot be simulated. */
  readSubmit(header: string | string[] | undefined, body: JsonValue): SimulationWish | undefined;
  /** Throws its code when the submit itself is to end with it; otherwise marks the body, for lists and restarts. */
  prepare(wish: SimulationWish, submit: { deploymentId: string; body: JsonObject }): Promise<void>;
  /** Takes an accepted request; true when it will never reach dispatch. */
  take(request: LiveRequest, wish: SimulationWish): boolean;
  /** Throws when this poll of a request's state is to fail. */
  poll(requestId: string): void;
  /** For every other route: throws what the header asks for. */
  answerCall(header: string | string[], path: string): Promise<void>;
  /** After a restart: which of these were simulated. */
  recall(requestIds: readonly string[]): Promise<void>;
  isRecalled(requestId: string): boolean;
  /** True: it goes on as what it was. */
  restore(request: LiveRequest): boolean;
  stop(): Promise<void>;
}

/** No instance of ours has it. */
const INSTANCE_ID = '5a4db000-0000-4000-8000-000000000000';
const RESULT_AFTER_MS = 2_000;
/** Of the time until its end: how long it is seen in the queue when it is then seen in progress. */
const SHARE_OF_QUEUE = 0.25;
const MAX_POLLS = 10_000;

interface FailingPolls {
  readonly code: ErrorCode;
  readonly from: number;
  left: number;
}

export function createSimulator(deps: Deps): Simulator {
  const polls = new Map<string, FailingPolls>();
  const recalled = new Map<string, SimulationWish>();
  const plays = createPlays(deps);

  function take(request: LiveRequest, wish: SimulationWish): boolean {
    if (wish.place === 'result') {
      plays.start(request, wish);
      return true;
    }
    const [oldest] = polls.keys();
    if (polls.size >= MAX_POLLS && oldest !== undefined) polls.delete(oldest);
    polls.set(request.id, { code: wish.code, from: deps.clock.now() + (wish.afterMs ?? 0), left: wish.times });
    return false;
  }

  return {
    readSubmit(header, body) {
      const metadata = isJsonObject(body) ? body['metadata'] : undefined;
      const label = isJsonObject(metadata) ? metadata[SIMULATE] : undefined;
      if (header !== undefined) return requireWish(String(header), ['header', SIMULATE]);
      return typeof label === 'string' ? requireWish(label, ['body', 'metadata', SIMULATE]) : undefined;
    },
    async prepare(wish, { deploymentId, body }) {
      if (wish.place === 'submit') {
        await plays.pause(wish.afterMs ?? 0);
        throw makeAnswer(wish.code, sceneOf({ deploymentId, methods: ['POST'] }));
      }
      const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
      body['metadata'] = { ...metadata, [SIMULATE]: wish.text };
    },
    take,
    poll(requestId) {
      const failing = polls.get(requestId);
      if (failing === undefined || failing.from > deps.clock.now()) return;
      failing.left -= 1;
      if (failing.left <= 0) polls.delete(requestId);
      throw makeAnswer(failing.code, sceneOf({}));
    },
    async answerCall(header, path) {
      const loc = ['header', SIMULATE];
      const wish = requireWish(String(header), loc);
      if (!ERRORS[wish.code].reportedIn.includes('body')) {
        const msg = `${wish.code} is told in results only: send ${SIMULATE} with a submit.`;
        throw validationError([{ loc, msg, type: 'unknown_code', input: wish.text }]);
      }
      await plays.pause(wish.afterMs ?? 0);
      throw makeAnswer(wish.code, sceneOf({ path }));
    },
    async recall(requestIds) {
      for (const { request_id, value } of await persist(() => listSimulated(deps.db, requestIds))) {
        const read = readWish(value, []);
        if (read.kind === 'ok') recalled.set(request_id, read.wish);
      }
    },
    isRecalled: (requestId) => recalled.get(requestId)?.place === 'result',
    restore(request) {
      const wish = recalled.get(request.id);
      recalled.delete(request.id);
      return wish !== undefined && take(request, wish);
    },
    stop: plays.stop,
  };
}

function requireWish(text: string, loc: Problem['loc']): SimulationWish {
  const read = readWish(text, loc);
  if (read.kind === 'bad') throw validationError([read.problem]);
  return read.wish;
}

const DEPLOYMENT = /\/deployments\/([^/]+)/;

function sceneOf(given: {
  deploymentId?: string;
  path?: string;
  methods?: string[];
  payload?: RequestPayload | undefined;
}): Scene {
  const { path = '', payload, methods = listMethods(path) } = given;
  const nodeId = (payload && Object.keys(payload.prepared.graph()).at(-1)) ?? '3';
  return {
    nodeId,
    classType: payload?.prepared.classOf(nodeId) ?? 'KSampler',
    deploymentId: given.deploymentId ?? DEPLOYMENT.exec(path)?.[1] ?? '00000000-0000-4000-8000-000000000000',
    instanceId: INSTANCE_ID,
    methods: methods.length > 0 ? methods : ['GET', 'HEAD'],
  };
}

// The requests that only seem to run: each waits, is perhaps seen in progress, and ends.
function createPlays(deps: Deps) {
  const pauses = new Set<() => void>();
  const running = new Set<Promise<void>>();
  let isStopping = false;

  function pause(ms: number, onSkip?: (skip: () => void) => void): Promise<void> {
    if (isStopping || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      pauses.add(end);
      onSkip?.(end);
    });
  }

  async function play(request: LiveRequest, wish: SimulationWish): Promise<void> {
    const totalMs = wish.afterMs ?? RESULT_AFTER_MS;
    const { isRun } = BEHAVIOURS[wish.code];
    const wait = async (ms: number) => {
      if (request.stop !== undefined) return;
      await pause(ms, (skip) => {
        request.onStop = skip;
      });
    };
    await wait(isRun ? totalMs * SHARE_OF_QUEUE : totalMs);
    if (isStopping) return;
    if (isRun && request.stop === undefined && (await begin(deps, request))) {
      await wait(totalMs * (1 - SHARE_OF_QUEUE));
      if (isStopping) return;
    }
    await finishRequest(deps, request, endingOf(request, wish));
  }

  return {
    pause,
    start(request: LiveRequest, wish: SimulationWish) {
      const done: Promise<void> = play(request, wish)
        .catch((error) => {
          deps.log.error({ requestId: request.id, ...describeError(error) }, 'a simulated request could not be ended');
        })
        .finally(() => running.delete(done));
      running.add(done);
    },
    async stop() {
      isStopping = true;
      for (const end of [...pauses]) end();
      await Promise.all(running);
    },
  };
}

// The lease that a real one has, under an instance that does not exist; false when a cancel was faster.
async function begin({ clock, newId, writes }: Deps, request: LiveRequest): Promise<boolean> {
  const now = clock.now();
  if (request.phase === 'queued') {
    const [epoch, promptId] = [request.epoch + 1, newId()];
    if (!(await writes.lease({ requestId: request.id, epoch, instanceId: INSTANCE_ID, promptId, now }))) {
      wishStop(request, { kind: 'cancel' });
      return false;
    }
    request.epoch = epoch;
    request.promptId = promptId;
    request.instanceId = INSTANCE_ID;
    request.leasedAt = now;
  }
  request.trace = startTrace({ because: 'idle', waiting: 0, readyAt: now, ahead: 0, whyThere: undefined });
  request.phase = 'running';
  request.isOnInstance = true;
  request.startedAt = now;
  request.runTick = performance.now();
  publish(request, { kind: 'status' });
  return true;
}

function endingOf(request: LiveRequest, { code }: SimulationWish): Ending {
  const { stop, payload } = request;
  if (stop?.kind === 'cancel') return { kind: 'cancelled' };
  if (stop?.kind === 'fail') return { kind: 'failed', code: stop.code, details: stop.details, debugInfo: '' };
  const scene = sceneOf({ deploymentId: request.deploymentId, payload });
  const entry = BEHAVIOURS[code].entry?.(scene);
  if (entry === undefined) throw new ApiError(10000, `${code} has no entry of a result`);
  if (code !== 200001) return { kind: 'failed', code, ...entry };
  // The old names without addresses, as when the files are gone everywhere.
  const images = [{ filename: 'ComfyUI_00001_.png', subfolder: '', type: 'output' }];
  return { kind: 'succeeded', outputs: JSON.stringify({ [scene.nodeId]: { images } }), files: [], note: entry.details };
}
