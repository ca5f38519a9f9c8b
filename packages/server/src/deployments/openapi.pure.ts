// The OpenAPI document of one deployment: its four calls at their own addresses, its parameters as a schema with their
// defaults, and what its nodes put out. Called by routes.ts.
import { createOpenApi, type OpenApiDocument } from '@comfleet/api';
import { findNodeInfo, isJsonObject, type JsonObject, stringifyJson } from '@comfleet/comfyui';
import type { NamedParameter } from '../workflows/parameters.pure.ts';
import { parametersSchema } from '../workflows/parameters.pure.ts';
import type { LoadedVersion } from '../workflows/versions.ts';

interface Described {
  readonly id: string;
  readonly name: string;
  readonly version: LoadedVersion;
  readonly sampleOverrides: JsonObject;
}

type Json = Record<string, unknown>;

/** JSON text, because bounds and defaults may be integers that JavaScript's numbers cannot hold. */
export function describeDeployment(
  deployment: Described,
  service: { version: string; base: string; apiVersion: 'v1' | 'v2' },
): string {
  const whole = createOpenApi({ version: service.version, publicUrl: service.base });
  const prefix = '/deployments/{deployment_id}/';
  const kept = [
    'inference',
    'requests/{request_id}/status',
    'requests/{request_id}/result',
    'requests/{request_id}/cancel',
  ];
  const paths = Object.fromEntries(
    kept.map((path) => [
      `/deployments/${deployment.id}/${path}`,
      withoutDeploymentId(whole.paths[prefix + path] ?? {}),
    ]),
  );
  const document: OpenApiDocument = {
    ...whole,
    info: {
      ...whole.info,
      title: deployment.name,
      version: `v${deployment.version.number}`,
      summary: `Deployment ${deployment.id}: workflow ${deployment.version.workflowId}, version v${deployment.version.number}.`,
      description: describeOutputs(deployment.version),
    },
    servers: [{ url: `${service.base}/prod/${service.apiVersion}` }],
    tags: whole.tags.filter((tag) => tag['name'] === 'requests'),
    paths,
  };
  narrowSubmit(document, deployment);
  dropUnused(document);
  return stringifyJson(document as unknown as JsonObject);
}

function withoutDeploymentId(item: Json): Json {
  return Object.fromEntries(
    Object.entries(item).map(([method, operation]) => {
      const { parameters, ...rest } = operation as Json;
      const left =
        (parameters as Json[] | undefined)?.filter((parameter) => parameter['name'] !== 'deployment_id') ?? [];
      return [method, left.length === 0 ? rest : { ...rest, parameters: left }];
    }),
  );
}

function narrowSubmit(document: OpenApiDocument, { id, version, sampleOverrides }: Described): void {
  const submit = document.paths[`/deployments/${id}/inference`]?.['post'] as Json | undefined;
  if (submit === undefined) return;
  const parameters = [...version.parameters.values()];
  const schemas = document.components['schemas'] as Json;
  schemas['Parameters'] = {
    ...parametersSchema(parameters, version.graph, version.info),
    description: 'Each stands for one input of one node; applied after the overrides.',
  };
  const own = { properties: { parameters: { $ref: '#/components/schemas/Parameters' } } };
  submit['requestBody'] = {
    required: false,
    content: {
      'application/json': {
        schema: { allOf: [{ $ref: '#/components/schemas/SubmitBody' }, own] },
        examples: examples(parameters, sampleOverrides),
      },
    },
  };
}

function examples(parameters: readonly NamedParameter[], sampleOverrides: JsonObject): Json {
  const values = parameters.flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value]]));
  return {
    'as saved': { summary: 'Runs the graph as it is.', value: {} },
    ...(values.length === 0
      ? {}
      : { parameters: { summary: 'By name.', value: { parameters: Object.fromEntries(values) } } }),
    ...(Object.keys(sampleOverrides).length === 0
      ? {}
      : { overrides: { summary: 'By node and input.', value: { overrides: sampleOverrides } } }),
  };
}

function describeOutputs({ graph, info }: LoadedVersion): string {
  const lines = Object.entries(graph).flatMap(([nodeId, node]) => {
    if (findNodeInfo(info, node.class_type)?.output_node !== true) return [];
    const title = isJsonObject(node._meta) ? node._meta['title'] : undefined;
    const name =
      typeof title === 'string' && title !== node.class_type ? `${title} (${node.class_type})` : node.class_type;
    return [`- \`${nodeId}\`: ${name}`];
  });
  if (lines.length === 0) return 'The graph has no output node.';
  return `What a successful result has in \`outputs\`, by node id:\n\n${lines.join('\n')}`;
}

// A schema that nothing refers to any more only makes the document long.
function dropUnused(document: OpenApiDocument): void {
  for (const kind of Object.keys(document.components)) {
    if (kind === 'securitySchemes') continue;
    document.components[kind] = keepReferenced(document, kind);
  }
}

function keepReferenced(document: OpenApiDocument, kind: string): Json {
  const all = document.components[kind] ?? {};
  const found = new Set<string>();
  const queue: unknown[] = [
    document.paths,
    ...Object.entries(document.components).flatMap(([k, v]) => (k === kind ? [] : [v])),
  ];
  for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
    for (const name of listReferences(item, kind)) {
      if (found.has(name) || !Object.hasOwn(all, name)) continue;
      found.add(name);
      queue.push(all[name]);
    }
  }
  return Object.fromEntries(Object.entries(all).filter(([name]) => found.has(name)));
}

function listReferences(value: unknown, kind: string): string[] {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item)) ?? '';
  return [...text.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)].flatMap(([, of, name = '']) =>
    of === kind ? [name] : [],
  );
}
