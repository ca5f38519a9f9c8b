// Everything that is known of one request, as JSON text. Called by routes.ts; may be asked while it waits, while it runs
// and after it ended. What belongs to others (deliveries, cost) comes through functions that app-routes.ts gives.
import { type DeliveryEntry, type Eta, formatInstant } from '@comfleet/api';
import { inputKey, isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '@comfleet/comfyui';
import type { Queryable } from '../../db/database.ts';
import { outputPath } from '../../files/output-name.pure.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Versions } from '../../workflows/versions.ts';
import { isTerminal } from '../lifecycle.pure.ts';
import type { LiveIndex, LiveRequest } from '../live.ts';
import { restorePayload } from '../payload.ts';
import { makeReport, readReport } from '../report.pure.ts';
import { viewProgress } from '../run-progress.pure.ts';
import { type MediaSource, STORED_MEDIA } from '../stored-body.pure.ts';
import { liveStatusWord, resultWord, type ViewContext } from '../view.pure.ts';
import { concealQueries } from './conceal-queries.pure.ts';
import { type DetailFile, type DetailRow, findDetail, listDetailAttempts, listDetailFiles } from './history.sql.ts';
import { explain, listPhases, type SeenAttempt } from './timeline.pure.ts';

interface EtaMs {
  readonly meanMs: number;
  readonly lowMs: number;
  readonly highMs: number;
}

export interface DescribeDeps {
  readonly db: Queryable;
  readonly clock: Clock;
  readonly live: LiveIndex;
  readonly versions: Versions;
  readonly position: (request: LiveRequest) => number | undefined;
  readonly eta: (request: LiveRequest) => EtaMs | undefined;
  /** Why a waiting request waits, for a person. */
  readonly whyWaiting: (request: LiveRequest) => string;
  readonly deliveriesOf: (requestId: string) => Promise<readonly DeliveryEntry[]>;
  readonly costOf: (requestId: string) => Promise<number>;
}

/** undefined: its row is not there (any more). */
export async function describeRequest(
  deps: DescribeDeps,
  context: ViewContext,
  requestId: string,
): Promise<string | undefined> {
  const row = await findDetail(deps.db, requestId);
  if (row === undefined) return undefined;
  const live = isTerminal(row.state) ? undefined : deps.live.get(requestId);
  const [ended, files, deliveries, cost] = await Promise.all([
    listDetailAttempts(deps.db, requestId),
    listDetailFiles(deps.db, requestId),
    deps.deliveriesOf(requestId),
    deps.costOf(requestId),
  ]);
  const now = deps.clock.now();
  const attempts = ended.map(
    (attempt, index): SeenAttempt => ({
      number: index + 1,
      instanceId: attempt.instance_id ?? undefined,
      startedAt: attempt.started_at ?? undefined,
      endedAt: attempt.ended_at,
      outcome: attempt.outcome,
      cause: attempt.cause,
      report: readReport(attempt.report),
    }),
  );
  if (live && live.trace !== undefined && live.phase !== 'queued') attempts.push(seeLive(live, attempts.length, now));
  const life = { createdAt: row.created_at, finishedAt: row.finished_at ?? undefined, attempts, now };
  const head = {
    request_id: row.id,
    deployment_id: row.deployment_id,
    status: live ? liveStatusWord(live) : resultWord(context, row.state),
    created_at: formatInstant(row.created_at),
    ...instants(row, live),
    ...(live ? viewWaiting(deps, live) : {}),
    timeline: listPhases(life).map(({ phase, from, until }) => ({
      phase,
      started_at: formatInstant(from),
      ms: round(until - from),
    })),
    attempts: attempts.map(viewAttempt),
    ...(row.metadata === null ? {} : { metadata: JSON.parse(row.metadata) }),
    files: files.map((file) => viewFile(context, row.id, file)),
    deliveries,
    cost_microdollars: cost,
    ...viewCached(attempts),
    why: [...explain(life), ...(live?.phase === 'queued' ? [deps.whyWaiting(live)] : [])],
  };
  const graph = await readGraph(deps, row);
  const nodes = viewNodes(attempts.at(-1), graph.graph);
  const parameters = graph.parameters === undefined ? '' : `,"parameters":${stringifyJson(graph.parameters)}`;
  const error = row.error === null ? '' : `,"error":${row.error}`;
  return `${JSON.stringify({ ...head, nodes }).slice(0, -1)},"graph":${stringifyJson(graph.graph)},"overrides":${stringifyJson(graph.overrides)}${parameters}${error}}`;
}

function seeLive(live: LiveRequest, before: number, now: number): SeenAttempt {
  return {
    number: before + 1,
    instanceId: live.instanceId,
    startedAt: live.startedAt,
    endedAt: undefined,
    outcome: undefined,
    cause: undefined,
    report: makeReport(live, now),
  };
}

function instants(row: DetailRow, live: LiveRequest | undefined) {
  const startedAt = live ? live.startedAt : (row.started_at ?? undefined);
  return {
    ...(startedAt === undefined ? {} : { started_at: formatInstant(startedAt) }),
    ...(row.finished_at === null ? {} : { finished_at: formatInstant(row.finished_at) }),
  };
}

function viewWaiting(deps: DescribeDeps, live: LiveRequest) {
  if (liveStatusWord(live) === 'in_progress') {
    return live.progress === undefined ? {} : { progress: viewProgress(live.progress) };
  }
  const position = deps.position(live);
  const eta = deps.eta(live);
  return {
    ...(position === undefined ? {} : { queue_position: position }),
    ...(eta === undefined ? {} : { eta: viewEta(eta) }),
  };
}

/** In seconds, as callers see it. */
export function viewEta({ meanMs, lowMs, highMs }: EtaMs): Eta {
  const seconds = (ms: number) => Math.round(ms / 10) / 100;
  return { seconds: seconds(meanMs), low: seconds(lowMs), high: seconds(highMs) };
}

function viewAttempt({ number, instanceId, startedAt, endedAt, outcome, cause, report }: SeenAttempt) {
  const began = startedAt ?? report?.leasedAt ?? endedAt;
  return {
    number,
    ...(instanceId === undefined ? {} : { instance_id: instanceId }),
    started_at: formatInstant(began ?? 0),
    ...(endedAt === undefined ? {} : { ended_at: formatInstant(endedAt) }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(cause === undefined ? {} : { cause }),
  };
}

function viewFile(context: ViewContext, requestId: string, file: DetailFile) {
  const cut = file.path.lastIndexOf('/');
  const filename = file.path.slice(cut + 1);
  const subfolder = file.path.slice(0, Math.max(0, cut));
  return {
    ...(file.node_id === null ? {} : { node_id: file.node_id }),
    filename,
    subfolder,
    type: file.kind,
    url: `${context.base}${outputPath(requestId, { filename, subfolder, type: file.kind })}`,
    size_bytes: file.size_bytes,
    content_type: file.content_type,
    sha256: file.sha256,
  };
}

function viewCached(attempts: readonly SeenAttempt[]) {
  const requestId = attempts.at(-1)?.report?.cachedFrom;
  return requestId === undefined ? {} : { cached: { request_id: requestId } };
}

function viewNodes(last: SeenAttempt | undefined, graph: JsonObject) {
  return (last?.report?.nodes ?? []).map(([nodeId, ms, cached]) => {
    const node = Object.hasOwn(graph, nodeId) ? graph[nodeId] : undefined;
    const classType = isJsonObject(node) ? node['class_type'] : undefined;
    return {
      node_id: nodeId,
      class_type: typeof classType === 'string' ? classType : '',
      ms: round(ms),
      cached: cached === 1,
    };
  });
}

interface ShownGraph {
  readonly graph: JsonObject;
  readonly overrides: JsonObject;
  readonly parameters: JsonValue | undefined;
}

// A version that is gone, or was compiled under other rules, must not hide the rest.
async function readGraph(deps: DescribeDeps, row: DetailRow): Promise<ShownGraph> {
  if (row.body === null) return { graph: {}, overrides: {}, parameters: undefined };
  const body = parseJson(row.body) as JsonObject;
  const media = new Map((body['media'] as unknown as [string, MediaSource][] | undefined) ?? []);
  const given = (key: string) => (isJsonObject(body[key]) ? (body[key] as JsonObject) : {});
  const shown = (nodes: JsonObject, urls: ReadonlySet<string> | undefined): ShownGraph => ({
    graph: concealQueries(withReferences(nodes, media), urls),
    overrides: concealQueries(withReferences(given('overrides'), media), urls),
    parameters: body['parameters'] && concealQueries(body['parameters'], urls),
  });
  const version = await deps.versions.load(row.version_id);
  try {
    const payload = version && restorePayload(version, { body: row.body, extraData: null });
    const graph = (payload?.prepared.graph() ?? given('workflow_api_json')) as unknown as JsonObject;
    const urls = payload?.media.flatMap(({ source }) => (source.kind === 'url' ? [source.url] : []));
    return shown(graph, urls && new Set(urls));
  } catch {
    return shown(given('workflow_api_json'), undefined);
  }
}

/** The bytes of a data URI are kept elsewhere; its type, size and hash stand for it. */
function withReferences(nodes: JsonObject, media: ReadonlyMap<string, MediaSource>): JsonObject {
  if (media.size === 0) return nodes;
  return Object.fromEntries(
    Object.entries(nodes).map(([nodeId, node]) => {
      const inputs = isJsonObject(node) ? node['inputs'] : undefined;
      if (!isJsonObject(node) || !isJsonObject(inputs)) return [nodeId, node];
      const shown = Object.entries(inputs).map(([name, value]) => {
        const source = value === STORED_MEDIA ? media.get(inputKey(nodeId, name)) : undefined;
        return [name, source?.kind === 'stored' ? refer(source) : value];
      });
      return [nodeId, { ...node, inputs: Object.fromEntries(shown) }];
    }),
  );
}

function refer({ mime, sizeBytes, sha256 }: Extract<MediaSource, { kind: 'stored' }>): string {
  return `data:${mime};bytes=${sizeBytes};sha256=${sha256},…`;
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
