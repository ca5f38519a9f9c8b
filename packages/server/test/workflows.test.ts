// Workflows and their versions through HTTP: pages, one of them, deleting what is unused, and the public object_info.
// routes: listWorkflows, createWorkflow, getWorkflow, deleteWorkflow, listVersions, getVersion, deleteVersion, getObjectInfo
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const app = useTestApp();
const UNKNOWN = '01a2103e-50f4-72a3-8a9f-38f7bf7783d3';

async function createWorkflow(name: string): Promise<string> {
  return String((await app().call('/workflows', { method: 'POST', body: { name } })).body['id']);
}
const namesOf = (page: JsonObject) => (page['data'] as JsonObject[]).map(({ name }) => name);

describe('workflows', () => {
  it('are listed page by page, newest first, each once', async () => {
    for (const name of ['one', 'two', 'three']) await createWorkflow(name);
    const { body: first } = await app().call('/workflows?limit=2');
    expect(namesOf(first)).toEqual(['three', 'two']);
    const { body: second } = await app().call(`/workflows?limit=2&cursor=${first['next_cursor']}`);
    expect(namesOf(second)).toEqual(['one']);
    expect(second).not.toHaveProperty('next_cursor');
  });

  it('tell their latest version, and answer 404001 once they are deleted', async () => {
    const { workflowId } = await app().saveWorkflow(PICTURE);
    expect((await app().call(`/workflows/${workflowId}`)).body).toMatchObject({ id: workflowId, latest_version: 'v1' });
    expect((await app().call(`/workflows/${workflowId}`, { method: 'DELETE' })).body).toEqual({
      id: workflowId,
      deleted: true,
    });
    expectError(await app().call(`/workflows/${workflowId}`), 404001);
    expectError(await app().call(`/workflows/${UNKNOWN}`), 404001);
  });

  it('take versions with errors only by a force that says so', async () => {
    const path = `/workflows/${await createWorkflow('forced')}/versions`;
    const body = { workflow_api_json: { '1': { class_type: 'NoSuchNode', inputs: {} } } };
    const save = (query: string) => app().call(path + query, { method: 'POST', body });
    for (const query of ['', '?force=', '?force=false']) expectError(await save(query), 422001);
    for (const query of ['?force=-1.5', '?force=yes', '?force=true&force=true']) {
      expect(expectError(await save(query), 422001).detail[0]?.loc, query).toEqual(['query', 'force']);
    }
    for (const query of ['?force=true', '?force=True', '?force=1']) expect((await save(query)).status).toBe(200);
  });

  it('stay while a deployment uses one of their versions (409001)', async () => {
    const { workflowId, version } = await app().saveWorkflow(PICTURE);
    const body = { name: 'uses it', workflow_id: workflowId, workflow_version: version };
    const deploymentId = String((await app().call('/deployments', { method: 'POST', body })).body['id']);
    const refused = await app().call(`/workflows/${workflowId}`, { method: 'DELETE' });
    expectError(refused, 409001);
    expect(refused.body['message']).toContain(deploymentId);
    await app().call(`/deployments/${deploymentId}`, { method: 'DELETE' });
    expect((await app().call(`/workflows/${workflowId}`, { method: 'DELETE' })).status).toBe(200);
  });
});

describe('versions', () => {
  it('are listed newest first, read in full, and deleted one by one', async () => {
    const { workflowId } = await app().saveWorkflow(PICTURE, { readme: 'how to', environment: { image: 'x' } });
    await app().call(`/workflows/${workflowId}/versions`, { method: 'POST', body: { workflow_api_json: PICTURE } });
    const { body: page } = await app().call(`/workflows/${workflowId}/versions?limit=1`);
    expect(page).toMatchObject({ data: [{ version: 'v2', node_count: 2 }], next_cursor: 'v2' });
    const { body: rest } = await app().call(`/workflows/${workflowId}/versions?limit=1&cursor=v2`);
    expect(rest).toMatchObject({ data: [{ version: 'v1' }] });
    expect((await app().call(`/workflows/${workflowId}/versions/v1`)).body).toMatchObject({
      workflow_id: workflowId,
      version: 'v1',
      workflow_api_json: PICTURE,
      readme: 'how to',
      environment: { image: 'x' },
      used_by: [],
    });
    const { body: latest } = await app().call(`/workflows/${workflowId}/versions/latest`);
    expect(latest).toMatchObject({ version: 'v2' });
    await app().call(`/workflows/${workflowId}/versions/v2`, { method: 'DELETE' });
    expectError(await app().call(`/workflows/${workflowId}/versions/v2`), 404001);
  });

  it('show the object_info they were checked against at an address that needs no token', async () => {
    const { workflowId } = await app().saveWorkflow(PICTURE);
    const { body } = await app().call(`/workflows/${workflowId}/versions/v1`);
    const info = await app().call(`/${new URL(String(body['object_info_url'])).pathname}`, { token: null });
    expect(info.body).toHaveProperty('SaveImage');
    expectError(await app().call(`//object_info/${'0'.repeat(40)}.json`, { token: null }), 404001);
  });
});

it('the object_info of a version that is refused is not kept', async () => {
  const count = async () =>
    (await app().db.query<{ count: number }>(sql`select count(*)::int as count from object_infos`))[0]?.count;
  const { workflowId } = await app().saveWorkflow(PICTURE);
  const before = await count();
  const save = (body: JsonObject) =>
    app().call(`/workflows/${workflowId}/versions`, { method: 'POST', body: { workflow_api_json: PICTURE, ...body } });
  expectError(await save({ object_info: { Other: {} } }), 422001);
  expect(await count()).toBe(before);
});

it.each(['/workflows', '/webhooks/deliveries', '/tokens'])('%s takes no cursor that it did not give', async (path) => {
  for (const cursor of ['1', `1_${'-'.repeat(36)}`, `9999999999999999_${UNKNOWN}x`, 'v1']) {
    const reply = await app().call(`${path}?cursor=${cursor}`);
    expectError(reply, 422001);
    expect(reply.body['detail']).toMatchObject([{ loc: ['query', 'cursor'], type: 'invalid_cursor' }]);
  }
});
