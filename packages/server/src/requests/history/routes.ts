// HTTP in and out of what is known of requests: the list of a deployment's, and everything about one.
import {
  ApiError,
  formatInstant,
  PAGE_ITEMS_DEFAULT,
  type Problem,
  RequestListQuery,
  readQuery,
  validationError,
} from '@comfleet/api';
import { writeCursor } from '../../db/cursor.pure.ts';
import type { DeploymentDirectory } from '../../deployments/directory.ts';
import { cursorProblem, readRowCursor } from '../../http/page-cursor.ts';
import type { AccountCall, Caller, RouteServer } from '../../http/serve-route.ts';
import { isTerminal } from '../lifecycle.pure.ts';
import type { RequestLookup } from '../lookup.ts';
import { liveStatusWord, resultWord, type ViewContext } from '../view.pure.ts';
import { type DescribeDeps, describeRequest } from './describe-request.ts';
import type { ListRow } from './history.sql.ts';
import { readInstant, readLabels, statesOf } from './list-query.pure.ts';
import { type ListQuery, listRequests } from './list-requests.ts';

interface Deps extends DescribeDeps {
  readonly directory: DeploymentDirectory;
  readonly lookup: RequestLookup;
  readonly cancelledWord: ViewContext['cancelledWord'];
}

export function registerHistoryRoutes<A extends Caller>(routes: RouteServer<A>, deps: Deps) {
  routes.serve('listRequests', async (call) => await list(deps, call));
  routes.serve('getRequest', async (call) => {
    const { params, account } = call;
    const deploymentId = params['deployment_id'] ?? '';
    const found = await deps.lookup.require({
      accountId: account.id,
      deploymentId,
      requestId: params['request_id'] ?? '',
    });
    const requestId = found.kind === 'live' ? found.request.id : found.row.id;
    const body = await describeRequest(deps, contextOf(deps, call), requestId);
    if (body === undefined)
      throw new ApiError(404001, `There is no request ${requestId} of deployment ${deploymentId}.`);
    return { body };
  });
}

async function list(deps: Deps, call: AccountCall<Caller>) {
  const deployment = await deps.directory.require(call.params['deployment_id'] ?? '', call.account.id);
  const query = readListQuery(deployment.id, call.query);
  const { rows, next } = await listRequests(deps, query);
  const context = contextOf(deps, call);
  const now = deps.clock.now();
  const data = rows.map((row) => viewItem(deps, context, { row, now }));
  const cursor = next === undefined ? {} : { next_cursor: writeCursor({ created_at: next.createdAt, id: next.id }) };
  return { body: { data, ...cursor } };
}

function readListQuery(deploymentId: string, given: Record<string, unknown>): ListQuery {
  const read = readQuery(RequestListQuery, given);
  const problems: Problem[] = read.kind === 'refused' ? [...read.problems] : [];
  const { labels, problems: ofLabels } = readLabels(given);
  problems.push(...ofLabels);
  const value: RequestListQuery = read.kind === 'refused' ? {} : read.value;
  const instantOf = (name: 'created_after' | 'created_before') => {
    const text = value[name];
    const instant = text === undefined ? undefined : readInstant(text);
    if (text !== undefined && instant === undefined) {
      const msg = `${name} must be an instant such as 2026-01-02T03:04:05Z; it is "${text.slice(0, 60)}".`;
      problems.push({ loc: ['query', name], msg, type: 'bad_format', input: text.slice(0, 60) });
    }
    return instant;
  };
  const createdAfter = instantOf('created_after');
  const createdBefore = instantOf('created_before');
  const cursor = value.cursor === undefined ? undefined : readRowCursor(value.cursor);
  if (value.cursor !== undefined && cursor === undefined) problems.push(cursorProblem(value.cursor));
  if (problems.length > 0) throw validationError(problems);
  const { status } = value;
  return {
    deploymentId,
    states: statesOf(status),
    liveWord: status === 'in_queue' || status === 'in_progress' ? status : undefined,
    errorCode: value.error_code,
    createdAfter,
    createdBefore,
    labels,
    before: cursor && { createdAt: cursor.micros / 1000, id: cursor.id },
    limit: value.limit ?? PAGE_ITEMS_DEFAULT,
  };
}

function viewItem(deps: Deps, context: ViewContext, { row, now }: { row: ListRow; now: number }) {
  const live = isTerminal(row.state) ? undefined : deps.live.get(row.id);
  return {
    request_id: row.id,
    status: live ? liveStatusWord(live) : resultWord(context, row.state),
    created_at: formatInstant(row.created_at),
    ...(row.finished_at === null ? {} : { finished_at: formatInstant(row.finished_at) }),
    ...(row.metadata === null ? {} : { metadata: JSON.parse(row.metadata) }),
    ...(row.error_code === null ? {} : { error_code: row.error_code }),
    ms: Math.max(0, (row.finished_at ?? now) - row.created_at),
  };
}

function contextOf(deps: Deps, call: AccountCall<Caller>): ViewContext {
  return { base: call.base(), version: call.version, cancelledWord: deps.cancelledWord };
}
