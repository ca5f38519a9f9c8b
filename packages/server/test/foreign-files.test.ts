// Names of files on an instance that several accounts share: a graph reads the caller's own and what is there for everybody,
// however the name is spelt, whatever object_info came with the version, on both ways to an instance.
// routes: submitRequest, proxyInstance
import type { JsonObject } from '@comfleet/comfyui';
import { beforeAll, describe, expect, it } from 'vitest';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, listProblems } from '../testing/expect-error.ts';

const app = useTestApp({ emulator: 'executing' });

interface Tenant {
  readonly token: string;
  readonly deployment: string;
  readonly folder: string;
}

let info: JsonObject;
let own: Tenant;
let other: Tenant;
let instance: string;

beforeAll(async () => {
  info = (await (await fetch(`${app().emulatorUrl}/object_info`)).json()) as JsonObject;
  const deployment = await deploy(app().token, PHOTO);
  const list = (await app().call(`/deployments/${deployment}/instances`)).body['data'];
  instance = String((list as JsonObject[])[0]?.['id']);
  own = await makeTenant(app().token);
  other = await makeTenant(await app().addAccount());
});

async function post(token: string, path: string, body: JsonObject): Promise<JsonObject> {
  const reply = await app().call(path, { method: 'POST', token, body });
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

async function deploy(token: string, graph: JsonObject, more: JsonObject = {}): Promise<string> {
  const workflow = await post(token, '/workflows', { name: 'w' });
  const saved = { workflow_api_json: graph, ...more };
  const version = await post(token, `/workflows/${workflow['id']}/versions`, saved);
  const fields = { name: 'd', workflow_id: workflow['id'] ?? '', workflow_version: version['version'] ?? '' };
  return String((await post(token, '/deployments', fields))['id']);
}

async function makeTenant(token: string): Promise<Tenant> {
  const deployment = await deploy(token, PHOTO);
  const picture = await (await fetch(`${app().emulatorUrl}/view?filename=example.png&type=input`)).arrayBuffer();
  const form = new FormData();
  form.append('image', new Blob([picture]), 'kept.png');
  const path = `/prod/v2/deployments/${deployment}/instances/${instance}/proxy/upload/image`;
  const reply = await fetch(app().url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: form,
  });
  const { name, subfolder } = (await reply.json()) as { name: string; subfolder: string };
  expect(name).toBe('kept.png');
  return { token, deployment, folder: subfolder };
}

const submit = (tenant: Tenant, deployment: string, body: JsonObject) =>
  app().call(`/deployments/${deployment}/inference`, { method: 'POST', token: tenant.token, body });

const image = (value: string): JsonObject => ({ overrides: { '1': { inputs: { image: value } } } });

async function expectRun(tenant: Tenant, deployment: string, body: JsonObject) {
  const options = { token: tenant.token };
  const requestId = await app().submit(deployment, body, options);
  const result = await app().untilEnded(deployment, requestId, options);
  expect(result['status'], JSON.stringify(result)).toBe('succeeded');
}

describe('an upload of another account', () => {
  it.each([
    (folder: string) => `${folder}/kept.png`,
    (folder: string) => `./${folder}/kept.png`,
    (folder: string) => folder.replace('/', '//').concat('/./kept.png'),
    (folder: string) => `${folder}/kept.png [input]`,
    (folder: string) => `${folder.toUpperCase()}/kept.png`,
    (folder: string) => `${folder}x/kept.png`,
    () => 'comfleet-uploads/kept.png',
  ])('is refused at submit, spelling %#', async (spell) => {
    const reply = await submit(other, other.deployment, image(spell(own.folder)));
    const { detail } = expectError(reply, 422001);
    expect(listProblems(detail)).toEqual(['body.overrides.1.inputs.image invalid_media']);
  });

  it('stays refused through the proxy; the own one runs on both ways', async () => {
    await expectRun(other, other.deployment, image(`${other.folder}/kept.png`));
    const prompt = structuredClone(PHOTO) as Record<string, { inputs: JsonObject }>;
    const path = `/deployments/${other.deployment}/instances/${instance}/proxy/prompt`;
    for (const [folder, status] of [
      [own.folder, 400],
      [own.folder.toUpperCase(), 400],
      [other.folder, 200],
    ] as const) {
      if (prompt['1']) prompt['1'].inputs['image'] = `${folder}/kept.png`;
      const reply = await app().call(path, { method: 'POST', token: other.token, body: { prompt } });
      expect([folder, reply.status]).toEqual([folder, status]);
    }
  });
});

describe("a version's own object_info", () => {
  const withImage = (entry: JsonObject[string]): JsonObject => {
    const changed = structuredClone(info) as Record<string, { input: { required: JsonObject } }>;
    if (changed['LoadImage']) changed['LoadImage'].input.required['image'] = entry;
    return changed as unknown as JsonObject;
  };

  it.each([
    ['that calls a file name a text', ['STRING', {}]],
    ['that calls it a choice', [['example.png'], {}]],
    ['that calls it anything', ['*', {}]],
  ])('%s does not let a name lead out of the input folder', async (_what, entry) => {
    const deployment = await deploy(own.token, PHOTO, { object_info: withImage(entry as never) });
    for (const name of ['../../etc/hostname', '/etc/hostname', 'x.png [output]', `${other.folder}/kept.png`]) {
      expectError(await submit(own, deployment, image(name)), 422001);
      const graph = structuredClone(PHOTO) as Record<string, { inputs: JsonObject }>;
      if (graph['1']) graph['1'].inputs['image'] = name;
      expectError(await submit(own, deployment, { workflow_api_json: graph as unknown as JsonObject }), 422001);
    }
    await expectRun(own, deployment, image('example.png'));
  });

  it('that lets a name come through a text node does not either', async () => {
    const text = { input: { required: { value: ['STRING', {}] } }, output: ['COMBO'], name: 'PrimitiveString' };
    const classes = { ...withImage(['COMBO', { options: ['example.png'] }]), PrimitiveString: text };
    const graph: JsonObject = {
      ...PHOTO,
      '1': { class_type: 'LoadImage', inputs: { image: ['9', 0] } },
      '9': { class_type: 'PrimitiveString', inputs: { value: 'example.png' } },
    };
    const deployment = await deploy(own.token, graph, { object_info: classes as never });
    const value = (name: string) => ({ overrides: { '9': { inputs: { value: name } } } });
    expectError(await submit(own, deployment, value('../../etc/hostname')), 422001);
    expect((await submit(own, deployment, value('example.png'))).status).toBe(200);
  });
});

it('a node that reads a whole folder gets neither the uploads nor the media of everybody', async () => {
  const node = {
    input: { required: { folder: [['comfleet', 'comfleet-uploads', 'mine'], {}] } },
    output: ['IMAGE'],
    output_is_list: [true],
    name: 'LoadImageSetFromFolderNode',
    python_module: 'comfy_extras.nodes_train',
  };
  const graph: JsonObject = {
    ...PICTURE,
    '1': { class_type: 'LoadImageSetFromFolderNode', inputs: { folder: 'mine' } },
  };
  const deployment = await deploy(own.token, graph, {
    object_info: { ...info, LoadImageSetFromFolderNode: node } as never,
  });
  const folder = (name: string) => ({ overrides: { '1': { inputs: { folder: name } } } });
  for (const name of ['comfleet', 'comfleet-uploads']) {
    expectError(await submit(own, deployment, folder(name)), 422001);
  }
  expect((await submit(own, deployment, folder('mine'))).status).toBe(200);
});
