// Named parameters through HTTP: declared, suggested, given with a request, refused by name; preflight and the
// deployment's own OpenAPI document beside them.
// routes: saveVersion, submitRequest, getDeploymentOpenApi, preflightDeployment
import { type JsonObject, stringifyJson } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const app = useTestApp({ emulator: 'executing' });

const PARAMETERS = {
  shade: { node: '1', input: 'color', label: 'Colour', description: 'The fill.', default: 65_280 },
  width: { node: '1', input: 'width' },
};

async function saveVersion(body: JsonObject, query = '') {
  const workflow = await app().call('/workflows', { method: 'POST', body: { name: 'named' } });
  const workflowId = String(workflow.body['id']);
  const reply = await app().call(`/workflows/${workflowId}/versions${query}`, { method: 'POST', body });
  return { workflowId, reply };
}

async function deploy(parameters: JsonObject, graph = PICTURE) {
  const { workflowId, version } = await app().saveWorkflow(graph, { parameters });
  const body = { name: 'named', workflow_id: workflowId, workflow_version: version };
  return String((await app().call('/deployments', { method: 'POST', body })).body['id']);
}

/** The text of the graph that the instance ran last. */
async function graphThatRan(deploymentId: string, body: JsonObject): Promise<string> {
  expect(await app().run(deploymentId, body)).toMatchObject({ status: 'succeeded' });
  const history = (await (await fetch(`${app().emulatorUrl}/history`)).json()) as Record<string, { prompt: unknown }>;
  return JSON.stringify(Object.values(history).at(-1)?.prompt);
}

describe('a version', () => {
  it('keeps the declared parameters, with their types, defaults and a JSON Schema', async () => {
    const { reply } = await saveVersion({ workflow_api_json: PICTURE, parameters: PARAMETERS });
    expect(reply.body).toMatchObject({
      parameters: [
        { name: 'shade', node: '1', input: 'color', type: 'INT', label: 'Colour', default: 65_280 },
        { name: 'width', node: '1', input: 'width', type: 'INT', default: 16 },
      ],
      parameters_schema: {
        type: 'object',
        additionalProperties: false,
        properties: {
          shade: { type: 'integer', minimum: 0, title: 'Colour', description: 'The fill.', default: 65_280 },
          width: { type: 'integer', minimum: 1 },
        },
      },
    });
  });

  it('keeps the bounds of a FLOAT, which python writes as 0.0 and 1.0', async () => {
    const graph = {
      ...PICTURE,
      '3': {
        class_type: 'ImageBlend',
        inputs: { image1: ['1', 0], image2: ['1', 0], blend_factor: 0.5, blend_mode: 'normal' },
      },
    };
    const parameters = { strength: { node: '3', input: 'blend_factor' } };
    const { reply } = await saveVersion({ workflow_api_json: graph, parameters });
    expect(stringifyJson(reply.body)).toContain('"strength":{"type":"number","minimum":0.0,"maximum":1.0,');
  });

  it('suggests them when none are declared, and none for an empty list', async () => {
    const { reply } = await saveVersion({ workflow_api_json: PHOTO });
    expect(reply.body['parameters']).toMatchObject([{ name: 'image', node: '1', input: 'image', type: 'COMBO' }]);
    const { reply: none } = await saveVersion({ workflow_api_json: PHOTO, parameters: [] });
    expect(none.body['parameters']).toEqual([]);
  });

  it.each([
    ['an unknown node', { x: { node: '99', input: 'color' } }, ['body', 'parameters', 'x', 'node']],
    ['an unknown input', { x: { node: '1', input: 'colour' } }, ['body', 'parameters', 'x', 'input']],
    ['a linked input', { x: { node: '2', input: 'images' } }, ['body', 'parameters', 'x', 'input']],
    [
      'a default out of range',
      { x: { node: '1', input: 'width', default: 0 } },
      ['body', 'parameters', 'x', 'default'],
    ],
    ['a name that is none', { 'my width': { node: '1', input: 'width' } }, ['body', 'parameters', 'my width', 'name']],
    [
      'two names for one input',
      { a: { node: '1', input: 'width' }, b: { node: '1', input: 'width' } },
      ['body', 'parameters', 'b', 'input'],
    ],
  ])('is refused for %s, with the place', async (_what, parameters, loc) => {
    const { reply } = await saveVersion({ workflow_api_json: PICTURE, parameters }, '?force=true');
    expectError(reply, 422001);
    expect(reply.body['detail']).toMatchObject([{ loc }]);
  });

  it('goes when it is unused and three newer unused ones exist; one that is used stays', async () => {
    const { workflowId, version } = await app().saveWorkflow(PICTURE);
    const body = { name: 'uses v1', workflow_id: workflowId, workflow_version: version };
    await app().call('/deployments', { method: 'POST', body });
    for (let count = 0; count < 5; count += 1) {
      await app().call(`/workflows/${workflowId}/versions`, { method: 'POST', body: { workflow_api_json: PICTURE } });
    }
    const { body: page } = await app().call(`/workflows/${workflowId}/versions`);
    expect((page['data'] as JsonObject[]).map((row) => row['version'])).toEqual(['v6', 'v5', 'v4', 'v1']);
  });
});

describe('a request', () => {
  it('runs with the values given by name, after the overrides; the rest has the declared defaults', async () => {
    const deploymentId = await deploy(PARAMETERS);
    const overrides = { '1': { inputs: { width: 8, height: 9 } } };
    const ran = await graphThatRan(deploymentId, { parameters: { width: 24 }, overrides });
    expect(ran).toContain('"width":24');
    expect(ran).toContain('"height":9');
    expect(ran).toContain('"color":65280');
  });

  it('has an override win over a declared default', async () => {
    const deploymentId = await deploy(PARAMETERS);
    const ran = await graphThatRan(deploymentId, { overrides: { '1': { inputs: { color: 5 } } } });
    expect(ran).toContain('"color":5');
  });

  it('takes media by name, as a data URI too, and survives a restart with it', async () => {
    const deploymentId = await deploy({ photo: { node: '1', input: 'image' } }, PHOTO);
    const pixel =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    await app().stopEmulator();
    const requestId = await app().submit(deploymentId, { parameters: { photo: pixel } });
    await app().restart();
    await app().startEmulator();
    expect(await app().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
  });

  it('is refused for an unknown name, with the nearest one, and for a value that does not fit, all at once', async () => {
    const deploymentId = await deploy(PARAMETERS);
    const body = { parameters: { shades: 1, width: 'wide' } };
    const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
    expectError(reply, 422001);
    const detail = reply.body['detail'] as JsonObject[];
    expect(detail.map(({ loc, type }) => [loc, type])).toEqual([
      [['body', 'parameters', 'shades'], 'unknown_parameter'],
      [['body', 'parameters', 'width'], 'invalid_input_type'],
    ]);
    expect(detail[0]?.['msg']).toContain('"shade"');
    expect(detail[1]?.['msg']).toContain('Parameter "width"');
  });

  it('is refused by name for media that are none, and for an inline graph without the node', async () => {
    const deploymentId = await deploy({ photo: { node: '1', input: 'image' } }, PHOTO);
    const path = `/deployments/${deploymentId}/inference`;
    const noMedia = await app().call(path, {
      method: 'POST',
      body: { parameters: { photo: 'data:image/png;base64,AAAA' } },
    });
    expect(noMedia.body['detail']).toMatchObject([{ loc: ['body', 'parameters', 'photo'], type: 'invalid_media' }]);
    const graph = {
      '7': PHOTO['1'] ?? null,
      '8': { class_type: 'SaveImage', inputs: { images: ['7', 0], filename_prefix: 'x' } },
    };
    const noNode = await app().call(path, {
      method: 'POST',
      body: { workflow_api_json: graph, parameters: { photo: 'a.png' } },
    });
    expect(noNode.body['detail']).toMatchObject([{ loc: ['body', 'parameters', 'photo'], type: 'unknown_node' }]);
  });
});

describe('a deployment', () => {
  it('has an OpenAPI document of its own, with its parameters, defaults and outputs', async () => {
    const deploymentId = await deploy(PARAMETERS);
    const { status, body } = await app().call(`/deployments/${deploymentId}/openapi.json`, { version: 'v1' });
    expect(status).toBe(200);
    const text = JSON.stringify(body);
    expect(Object.keys(body['paths'] as JsonObject)).toContain(`/deployments/${deploymentId}/inference`);
    expect(Object.keys(body['paths'] as JsonObject).join()).not.toContain('{deployment_id}');
    expect(body).toMatchObject({
      openapi: '3.1.0',
      servers: [{ url: `${app().url}/prod/v1` }],
      info: { description: expect.stringContaining('SaveImage') },
      components: { schemas: { Parameters: { properties: { shade: { type: 'integer', default: 65_280 } } } } },
    });
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(body['components']).toHaveProperty(['schemas', String(name)]);
    }
  });

  it('is checked against each live instance before it is used', async () => {
    const { workflowId, reply } = await saveVersion(
      { workflow_api_json: { ...PICTURE, '5': { class_type: 'NobodyHasThis', inputs: {} } } },
      '?force=true',
    );
    const body = { name: 'lacks', workflow_id: workflowId, workflow_version: String(reply.body['version']) };
    const deploymentId = String((await app().call('/deployments', { method: 'POST', body })).body['id']);
    expect((await app().call(`/deployments/${deploymentId}/preflight`)).body).toMatchObject({
      ok: false,
      checks: [
        { source: 'version', missing_nodes: [{ class_type: 'NobodyHasThis', node_ids: ['5'] }] },
        { source: 'instance', ok: false },
      ],
    });
    const good = await deploy({});
    expect((await app().call(`/deployments/${good}/preflight`)).body).toMatchObject({ ok: true });
  });
});
