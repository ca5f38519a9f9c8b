// The demo's walk over HTTP: workflow, version, deployment, request, progress, picture. Prints each step as it happens.
import type { Terminal } from '../terminal.ts';
import type { Api } from './api.ts';
import { DemoFailure } from './api.ts';

const POLL_MS = 50;
const RUN_TIMEOUT_MS = 40_000;

interface Submitted {
  request_id: string;
  status_url: string;
  result_url: string;
}

interface Status {
  status: string;
  queue_position?: number;
  instance_id?: string;
}

interface Result {
  status: string;
  outputs?: Record<string, { images?: { filename: string; subfolder: string; type: string; url: string }[] }>;
  error?: { error: string; errorCode: number; details?: string }[];
}

export interface WalkInput {
  graph: unknown;
  overrides: Record<string, { inputs: Record<string, unknown> }>;
}

export async function walk(api: Api, terminal: Terminal, input: WalkInput): Promise<Buffer> {
  const workflow = await api.post<{ id: string }>('/workflows', { name: 'Glow print' });
  terminal.step('workflow', workflow.id);

  const version = await api.post<{ version: string; node_count: number }>(`/workflows/${workflow.id}/versions`, {
    workflow_api_json: input.graph,
  });
  terminal.step('version', `${version.version}, ${version.node_count} nodes`);

  const deployment = await api.post<{ id: string }>('/deployments', {
    name: 'Glow print',
    workflow_id: workflow.id,
    workflow_version: version.version,
  });
  terminal.step('deployment', deployment.id);

  const startedAt = performance.now();
  const submitted = await api.post<Submitted>(`/deployments/${deployment.id}/inference`, {
    overrides: input.overrides,
  });
  terminal.step('request', `${submitted.request_id}, accepted in ${Math.round(performance.now() - startedAt)} ms`);

  await follow(api, terminal, submitted.status_url);
  const result = await api.get<Result>(submitted.result_url);
  terminal.step('result', `${result.status} after ${((performance.now() - startedAt) / 1000).toFixed(2)} s`);

  const picture = Object.values(result.outputs ?? {}).flatMap((output) => output.images ?? [])[0];
  if (!picture) throw new DemoFailure(`the request ended without a picture: ${JSON.stringify(result.error ?? result)}`);
  const bytes = await api.download(picture.url);
  terminal.step('picture', picture.url);
  return bytes;
}

// Prints a status only when it changed.
async function follow(api: Api, terminal: Terminal, statusUrl: string): Promise<void> {
  const deadline = Date.now() + RUN_TIMEOUT_MS;
  let shown = '';
  while (Date.now() < deadline) {
    const status = await api.get<Status>(statusUrl);
    const text = describe(status);
    if (text !== shown) terminal.step('status', text);
    shown = text;
    if (status.status === 'completed' || status.status.startsWith('cancel')) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new DemoFailure(`the request was still "${shown}" after ${RUN_TIMEOUT_MS / 1000} s`);
}

function describe({ status, queue_position, instance_id }: Status): string {
  if (queue_position !== undefined) return `${status}, position ${queue_position}`;
  return instance_id === undefined ? status : `${status} on ${instance_id}`;
}
