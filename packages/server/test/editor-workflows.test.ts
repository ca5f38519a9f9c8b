// Workflows in the editor's format through HTTP: saved as a version, sent with a submit, run, and refused with the place.
// routes: saveVersion, getVersion, submitRequest
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, listProblems } from '../testing/expect-error.ts';
import { SAMPLER_CLASSES } from '../testing/node-classes.ts';

const app = useTestApp({ emulator: 'executing', extraObjectInfo: SAMPLER_CLASSES });

const INNER = '7b1f6d1c-0000-4000-8000-000000000001';

/** A colour made inside a subgraph whose width the instance sets, then saved. */
const WITH_SUBGRAPH: JsonObject = {
  version: 0.4,
  nodes: [
    { id: 5, type: INNER, inputs: [], outputs: [{ name: 'image', type: 'IMAGE', links: [1] }], widgets_values: [24] },
    { id: 7, type: 'SaveImage', inputs: [{ name: 'images', type: 'IMAGE', link: 1 }], widgets_values: ['sub'] },
    { id: 8, type: 'Note', widgets_values: ['for people'] },
  ],
  links: [[1, 5, 0, 7, 0, 'IMAGE']],
  definitions: {
    subgraphs: [
      {
        id: INNER,
        name: 'Colour',
        inputs: [{ id: 'a', name: 'size', type: 'INT', linkIds: [1] }],
        outputs: [{ id: 'b', name: 'image', type: 'IMAGE', linkIds: [2] }],
        nodes: [
          {
            id: 12,
            type: 'EmptyImage',
            inputs: [{ name: 'width', type: 'INT', link: 1, widget: { name: 'width' } }],
            outputs: [{ name: 'IMAGE', type: 'IMAGE', links: [2] }],
            widgets_values: [16, 16, 1, 255],
          },
        ],
        links: [
          { id: 1, origin_id: -10, origin_slot: 0, target_id: 12, target_slot: 0, type: 'INT' },
          { id: 2, origin_id: 12, origin_slot: 0, target_id: -20, target_slot: 0, type: 'IMAGE' },
        ],
      },
    ],
  },
};

async function createWorkflow(): Promise<string> {
  const reply = await app().call('/workflows', { method: 'POST', body: { name: 'editor' } });
  return String(reply.body['id']);
}

async function save(body: JsonValue, query = '') {
  const workflowId = await createWorkflow();
  const reply = await app().call(`/workflows/${workflowId}/versions${query}`, { method: 'POST', body });
  return { workflowId, reply };
}

async function readGraph(workflowId: string) {
  const reply = await app().call(`/workflows/${workflowId}/versions/v1`);
  return { graph: reply.body['workflow_api_json'] as Record<string, JsonObject>, body: reply.body };
}

describe('a version saved from the editor format', () => {
  it('holds the converted graph and the original', async () => {
    const { workflowId, reply } = await save({ workflow_json: WITH_SUBGRAPH });
    expect(reply).toMatchObject({ status: 200, body: { node_count: 2, findings: [] } });
    const { graph, body } = await readGraph(workflowId);
    expect(graph).toMatchObject({
      '5:12': { class_type: 'EmptyImage', inputs: { width: 24, height: 16, batch_size: 1, color: 255 } },
      '7': { class_type: 'SaveImage', inputs: { images: ['5:12', 0], filename_prefix: 'sub' } },
    });
    expect(body['workflow_json']).toEqual(WITH_SUBGRAPH);
  });

  it('may come as workflow_api_json too', async () => {
    const { workflowId, reply } = await save({ workflow_api_json: WITH_SUBGRAPH });
    expect(reply.status).toBe(200);
    const { graph, body } = await readGraph(workflowId);
    expect(Object.keys(graph).sort()).toEqual(['5:12', '7']);
    expect(body['workflow_json']).toEqual(WITH_SUBGRAPH);
  });

  it('keeps the original beside an API graph that goes first', async () => {
    const api = {
      '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 0 } },
      '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'a' } },
    };
    const { workflowId } = await save({ workflow_api_json: api, workflow_json: WITH_SUBGRAPH });
    const { graph, body } = await readGraph(workflowId);
    expect(graph).toEqual(api);
    expect(body['workflow_json']).toEqual(WITH_SUBGRAPH);
  });

  it('has no workflow_json when none was given', async () => {
    const { workflowId } = await save({ workflow_api_json: {} });
    expect((await readGraph(workflowId)).body).not.toHaveProperty('workflow_json');
  });

  it('is converted with the object_info that is sent along', async () => {
    const workflow = { nodes: [{ id: 1, type: 'TestSampler' }], links: [] };
    const object_info = {
      TestSampler: { input: { required: { mine: ['INT', { default: 3 }] } }, output: [], output_node: true },
    };
    const { workflowId, reply } = await save({ workflow_json: workflow, object_info });
    expect(reply.status).toBe(200);
    expect((await readGraph(workflowId)).graph['1']?.['inputs']).toEqual({ mine: 3 });
  });

  it('runs, with overrides under the compound id', async () => {
    const { workflowId } = await save({ workflow_json: WITH_SUBGRAPH });
    const deploymentId = await deploy(workflowId);
    const body = { overrides: { '5:12': { inputs: { height: 20 } } } };
    const result = await app().run(deploymentId, body);
    expect(result).toMatchObject({ status: 'succeeded' });
    const outputs = result['outputs'] as Record<string, { images: Record<string, string>[] }>;
    const picture = Buffer.from(await (await fetch(String(outputs['7']?.images[0]?.['url']))).arrayBuffer());
    expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([24, 20]);
  });

  it('tells in findings what the conversion could not keep', async () => {
    const group = { nodes: [{ type: 'ImageInvert', inputs: [{ name: 'image', type: 'IMAGE' }] }], links: [] };
    const workflow = {
      nodes: [
        { id: 1, type: 'EmptyImage' },
        { id: 2, type: 'workflow>g', mode: 4, inputs: [{ name: 'image', type: 'IMAGE', link: 1 }] },
        { id: 3, type: 'PreviewImage', inputs: [{ name: 'images', type: 'IMAGE', link: 2 }] },
      ],
      links: [
        [1, 1, 0, 2, 0, 'IMAGE'],
        [2, 2, 0, 3, 0, 'IMAGE'],
      ],
      extra: { groupNodes: { g: group } },
    };
    const { reply } = await save({ workflow_json: workflow });
    expect(reply.body['findings']).toMatchObject([
      { severity: 'warning', loc: ['body', 'workflow_json', 'nodes', 1], type: 'group_node_mode' },
    ]);
  });
});

async function deploy(workflowId: string): Promise<string> {
  const body = {
    name: 'editor',
    workflow_id: workflowId,
    workflow_version: 'v1',
    hardware: ['AMPERE_24'],
    min_instances: 0,
    max_instances: 1,
    queue_size: 1,
    keep_warm_duration_in_seconds: 60,
  };
  const reply = await app().call('/deployments', { method: 'POST', body });
  expect(reply.status).toBe(200);
  return String(reply.body['id']);
}

describe('a workflow that cannot be converted', () => {
  const unknown = {
    nodes: [
      { id: 1, type: 'EmptyImage' },
      { id: 2, type: 'NoSuchNode', title: 'Mine' },
    ],
    links: [],
  };

  it.each(['workflow_json', 'workflow_api_json'])('is refused with its place in %s', async (field) => {
    const { reply } = await save({ [field]: unknown });
    const { detail } = expectError(reply, 422001);
    expect(listProblems(detail)).toEqual([`body.${field}.nodes.1.type unknown_class`]);
    expect(detail[0]?.msg).toContain('node 2 ("Mine", NoSuchNode)');
  });

  it('is refused by force as well', async () => {
    const { reply } = await save({ workflow_json: unknown }, '?force=true');
    expectError(reply, 422001);
  });

  it('is judged as a graph once converted, at the place of its node', async () => {
    const workflow = {
      nodes: [
        { id: 1, type: 'EmptyImage', widgets_values: [0, 8, 1, 0] },
        { id: 2, type: 'SaveImage', inputs: [{ name: 'images', type: 'IMAGE', link: 1 }] },
      ],
      links: [[1, 1, 0, 2, 0, 'IMAGE']],
    };
    const { reply } = await save({ workflow_json: workflow });
    expect(listProblems(expectError(reply, 422001).detail)).toEqual([
      'body.workflow_json.nodes.0.inputs.width value_smaller_than_min',
    ]);
  });
});

describe('a submit with a workflow in the editor format', () => {
  it('runs the converted graph', async () => {
    const deploymentId = await app().createDeployment({});
    const result = await app().run(deploymentId, { workflow_api_json: WITH_SUBGRAPH });
    expect(result).toMatchObject({ status: 'succeeded' });
    expect(Object.keys(result['outputs'] as object)).toEqual(['7']);
  });

  it('is refused with the places in the file', async () => {
    const deploymentId = await app().createDeployment({});
    const submit = async (workflow_api_json: JsonValue) => {
      const body = { workflow_api_json };
      const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
      return listProblems(expectError(reply, 422001).detail);
    };
    expect(await submit({ nodes: [{ id: 2, type: 'NoSuchNode' }], links: [] })).toEqual([
      'body.workflow_api_json.nodes.0.type unknown_class',
    ]);
    const saved = { id: 2, type: 'SaveImage', inputs: [{ name: 'images', type: 'IMAGE', link: 1 }] };
    const made = { id: 1, type: 'EmptyImage', widgets_values: [8, 'x', 1, 0] };
    expect(await submit({ nodes: [made, saved], links: [[1, 1, 0, 2, 0, 'IMAGE']] })).toEqual([
      'body.workflow_api_json.nodes.0.inputs.height invalid_input_type',
    ]);
  });
});

describe('without an instance', () => {
  const lonely = useTestApp({ emulator: 'none' });

  it('the editor format needs an object_info', async () => {
    const workflow = await lonely().call('/workflows', { method: 'POST', body: { name: 'editor' } });
    const body = { workflow_json: { nodes: [{ id: 1, type: 'EmptyImage' }], links: [] } };
    const reply = await lonely().call(`/workflows/${String(workflow.body['id'])}/versions`, { method: 'POST', body });
    const { detail } = expectError(reply, 422001);
    expect(listProblems(detail)).toEqual(['body.object_info missing']);
    expect(detail[0]?.msg).toContain('GET /object_info');
  });
});
