// After a start nothing is known of models (model-sets.ts). What the latest runs tell is read from their rows instead: which
// models each version needs, what each instance has loaded, how long runs take with a load and without. Nothing is kept
// for that while requests run. Called through dispatcher.ts before anything is given out.
import { type LatestRun, listLatestRuns } from '../requests/latest-runs.sql.ts';
import { describeError } from '../telemetry/log.ts';
import { type Board, slotsOf } from './board.ts';
import { nameModels } from './model-sets.ts';

const LOOK_BACK_MS = 6 * 3_600_000;
const PER_DEPLOYMENT = 32;
/** The rest are learned as their requests come. */
const MOST_VERSIONS = 64;
/** Requests do not wait for it any longer; it goes on beside them. */
const PATIENCE_MS = 500;

export async function relearnModels(board: Board): Promise<void> {
  const learned = relearn(board).catch((error: unknown) => {
    board.deps.execution.log.warn(describeError(error), 'what instances have loaded could not be read');
  });
  await Promise.race([learned, new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS).unref())]);
}

async function relearn(board: Board): Promise<void> {
  const { db, clock } = board.deps.execution;
  const heads = [...board.waiting.lanes()].flatMap((lane) => lane.peek() ?? []);
  const since = clock.now() - LOOK_BACK_MS;
  const read = new Set(heads.map(({ deploymentId }) => deploymentId));
  const unread = board.backlog.firsts().filter(({ deploymentId }) => !read.has(deploymentId));
  const waiting = [...heads, ...unread];
  const runs = await listLatestRuns(db, { since, perDeployment: PER_DEPLOYMENT, waiting });
  const under = [...board.slotsById.values()].flatMap(({ attempts }) => [...attempts].map(({ request }) => request));
  const newest = [...runs].reverse().map((run) => run.version_id);
  const versionIds = new Set([...under, ...heads].map(({ versionId }) => versionId).concat(newest));
  const models = await loadModels(board, [...versionIds].slice(0, MOST_VERSIONS));
  learnRuns(board, dropGaps(runs), models);
}

async function loadModels(board: Board, versionIds: readonly string[]): Promise<Map<string, string>> {
  const models = new Map<string, string>();
  for (const id of versionIds) {
    const version = await board.deps.execution.versions.load(id, async () => undefined);
    const prepared = version?.compiled.prepare();
    if (prepared === undefined || 'problems' in prepared) continue;
    models.set(id, nameModels(prepared));
    board.models.learnVersion(id, nameModels(prepared));
  }
  return models;
}

/** Of a deployment with more requests than were read, earlier runs are missing between those of others: from there on all are there. */
function dropGaps(runs: readonly LatestRun[]): readonly LatestRun[] {
  const counts = new Map<string, number>();
  for (const { deployment_id: id } of runs) counts.set(id, (counts.get(id) ?? 0) + 1);
  const firsts = [...counts].filter(([, count]) => count >= PER_DEPLOYMENT);
  const from = Math.max(0, ...firsts.map(([id]) => runs.find((run) => run.deployment_id === id)?.started_at ?? 0));
  return runs.filter((run) => run.started_at >= from);
}

function learnRuns(board: Board, runs: readonly LatestRun[], models: ReadonlyMap<string, string>): void {
  const loaded = new Map<string, string | undefined>();
  for (const run of runs) {
    const needed = models.get(run.version_id);
    if (needed === '') continue;
    const before = loaded.get(run.instance_id);
    loaded.set(run.instance_id, needed);
    if (needed === undefined || before === undefined || !run.has_succeeded) continue;
    board.models.learnRun(needed, { runMs: run.finished_at - run.started_at, wasLoaded: before === needed });
  }
  for (const [id, needed] of loaded) {
    const instance = board.deps.fleet.get(id);
    if (instance !== undefined && needed !== undefined) slotsOf(board, instance).loaded ??= needed;
  }
}
