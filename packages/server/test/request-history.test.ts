// The list of a deployment's requests and everything about one of them, through HTTP.
// routes: listRequests, getRequest
import { isJsonObject, type JsonObject, type JsonValue } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { until } from '../testing/until.ts';

const app = useTestApp({ emulator: 'executing' });
const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
const FAILING: JsonObject = { extra_data: { emulator: { nodeError: true } } };

afterEach(() => app().cancelAll());

async function list(deploymentId: string, query: Record<string, string> = {}): Promise<JsonObject> {
  const reply = await app().call(`/deployments/${deploymentId}/requests?${new URLSearchParams(query)}`);
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

const items = (page: JsonObject) => page['data'] as JsonObject[];
const idsOf = (page: JsonObject) => items(page).map((item) => item['request_id']);

async function detail(deploymentId: string, requestId: string): Promise<JsonObject> {
  const reply = await app().call(`/deployments/${deploymentId}/requests/${requestId}`);
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

describe('the list', () => {
  it('shows the newest first, page by page, each request once', async () => {
    const deploymentId = await app().createDeployment();
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1) ids.push(await app().submit(deploymentId));
    for (const id of ids) await app().untilEnded(deploymentId, id);
    const seen: JsonValue[] = [];
    let cursor: string | undefined;
    do {
      const page = await list(deploymentId, { limit: '3', ...(cursor === undefined ? {} : { cursor }) });
      expect(items(page).length).toBeLessThanOrEqual(3);
      seen.push(...(idsOf(page) as JsonValue[]));
      cursor = page['next_cursor'] as string | undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids.reverse());
    const [first] = items(await list(deploymentId));
    expect(first).toEqual({
      request_id: ids[0],
      status: 'succeeded',
      created_at: expect.stringMatching(/\+00:00$/),
      finished_at: expect.stringMatching(/\+00:00$/),
      ms: expect.any(Number),
    });
  });

  it('filters by state, code, label and time', async () => {
    const deploymentId = await app().createDeployment();
    const good = await app().submit(deploymentId, { metadata: { customer: '4711', tier: 'a' } });
    await app().untilEnded(deploymentId, good);
    const other = await app().submit(deploymentId, { metadata: { customer: '4712', tier: 'a' } });
    await app().untilEnded(deploymentId, other);
    const bad = await app().submit(deploymentId, FAILING);
    await app().untilEnded(deploymentId, bad);
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting = await app().submit(deploymentId, { metadata: { tier: 'a' } });
    const gone = await app().submit(deploymentId);
    await app().cancel(deploymentId, gone);
    await app().untilEnded(deploymentId, gone);
    const cases: [Record<string, string>, string[]][] = [
      [{}, [gone, waiting, running, bad, other, good]],
      [{ status: 'succeeded' }, [other, good]],
      [{ status: 'failed' }, [bad]],
      [{ status: 'cancelled' }, [gone]],
      [{ status: 'canceled' }, [gone]],
      [{ status: 'in_progress' }, [running]],
      [{ status: 'in_queue' }, [waiting]],
      [{ status: 'in_queue', 'metadata.tier': 'a' }, [waiting]],
      [{ status: 'in_queue', 'metadata.tier': 'b' }, []],
      [{ error_code: '10011' }, [bad]],
      [{ error_code: '10007' }, []],
      [{ 'metadata.customer': '4711' }, [good]],
      [{ 'metadata.tier': 'a' }, [waiting, other, good]],
      [{ 'metadata.tier': 'a', 'metadata.customer': '4712' }, [other]],
      [{ 'metadata.tier': 'a', status: 'succeeded', limit: '1' }, [other]],
    ];
    for (const [query, expected] of cases)
      expect(idsOf(await list(deploymentId, query)), JSON.stringify(query)).toEqual(expected);
    const failed = items(await list(deploymentId, { status: 'failed' }))[0];
    expect(failed).toMatchObject({ status: 'failed', error_code: 10011 });
    const labelled = items(await list(deploymentId, { 'metadata.customer': '4711' }))[0];
    expect(labelled).toMatchObject({ metadata: { customer: '4711', tier: 'a' } });
    const { created_at: at } = items(await list(deploymentId)).find((item) => item['request_id'] === bad) ?? {};
    expect(idsOf(await list(deploymentId, { created_after: String(at) }))).toEqual([gone, waiting, running]);
    expect(idsOf(await list(deploymentId, { created_before: String(at) }))).toEqual([other, good]);
    // A plus that was not escaped.
    const reply = await app().call(`/deployments/${deploymentId}/requests?created_before=${at}`);
    expect(idsOf(reply.body)).toEqual([other, good]);
  });

  it.each(['limit=0', 'limit=201', 'status=done', 'created_after=yesterday', 'cursor=x', 'error_code=ten'])(
    'refuses ?%s and names the field',
    async (query) => {
      const deploymentId = await app().createDeployment();
      const reply = await app().call(`/deployments/${deploymentId}/requests?${query}`);
      expect(reply.status).toBe(422);
      expect(reply.body['detail']).toMatchObject([{ loc: ['query', query.split('=')[0]] }]);
    },
  );

  it('finds what is rare among very many, in calls that each look at a bounded number', async () => {
    const deploymentId = await app().createDeployment();
    const rare = await app().submit(deploymentId, { ...FAILING, metadata: { customer: 'rare' } });
    await app().untilEnded(deploymentId, rare);
    await app().db.query(sql`
      insert into requests (id, account_id, deployment_id, version_id, state, epoch, created_at, finished_at, error_code)
      select gen_random_uuid(), account_id, id, version_id, 'failed', 1, now(), now(), 10007
      from deployments, generate_series(1, 30000) where id = ${deploymentId}`);
    let cursor: string | undefined;
    const found: unknown[] = [];
    let calls = 0;
    do {
      const page = await list(deploymentId, { error_code: '10011', ...(cursor === undefined ? {} : { cursor }) });
      found.push(...idsOf(page));
      cursor = page['next_cursor'] as string | undefined;
      calls += 1;
    } while (cursor !== undefined && calls < 200);
    expect(found).toEqual([rare]);
    expect(cursor).toBeUndefined();
    // A label is found at once, however many are newer.
    expect(await list(deploymentId, { 'metadata.customer': 'rare' })).toMatchObject({ data: [{ request_id: rare }] });
  });

  it('is only for the account that owns the deployment', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId);
    const token = await app().addAccount();
    for (const path of ['', `/${requestId}`]) {
      const reply = await app().call(`/deployments/${deploymentId}/requests${path}`, { token });
      expect([reply.status, reply.body['error_code']]).toEqual([403, 403003]);
    }
    const other = await app().createDeployment();
    expect((await app().call(`/deployments/${other}/requests/${requestId}`)).status).toBe(404);
  });
});

describe('the detail', () => {
  it('of an ended request tells all of it', async () => {
    const deploymentId = await app().createDeployment();
    const body = {
      overrides: { '1': { inputs: { color: 77 } }, '2': { inputs: { filename_prefix: 'shown/here' } } },
      metadata: { customer: '4711' },
      extra_data: { api_key_comfy_org: 'a-secret' },
    };
    const requestId = await app().submit(deploymentId, body);
    const result = await app().untilEnded(deploymentId, requestId);
    const reply = await app().call(`/deployments/${deploymentId}/requests/${requestId}`);
    expect(reply.text).not.toContain('a-secret');
    const shown = reply.body;
    expect(shown).toMatchObject({
      request_id: requestId,
      deployment_id: deploymentId,
      status: 'succeeded',
      created_at: result['created_at'],
      finished_at: result['finished_at'],
      attempts: [{ number: 1, instance_id: result['instance_id'], outcome: 'succeeded', cause: 'succeeded' }],
      metadata: { customer: '4711' },
      overrides: body.overrides,
      deliveries: [],
      cost_microdollars: 0,
    });
    expect(shown['graph']).toMatchObject({
      '1': { inputs: { color: 77 } },
      '2': { inputs: { filename_prefix: 'shown/here' } },
    });
    expect(shown['nodes']).toEqual([
      { node_id: '1', class_type: 'EmptyImage', ms: expect.any(Number), cached: false },
      { node_id: '2', class_type: 'SaveImage', ms: expect.any(Number), cached: false },
    ]);
    const [file] = shown['files'] as JsonObject[];
    expect(file).toMatchObject({ node_id: '2', subfolder: 'shown', type: 'output', content_type: 'image/png' });
    const download = await fetch(String(file?.['url']));
    const bytes = Buffer.from(await download.arrayBuffer());
    expect(file?.['size_bytes']).toBe(bytes.length);
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
    expect(file?.['sha256']).toBe(digest);
    const timeline = shown['timeline'] as JsonObject[];
    const total = timeline.reduce((sum, entry) => sum + Number(entry['ms']), 0);
    expect(total).toBeCloseTo(Date.parse(String(result['finished_at'])) - Date.parse(String(result['created_at'])), 0);
    expect((shown['why'] as string[]).join(' ')).toContain('Attempt 1 was given to instance');
    for (const key of ['error', 'cached', 'queue_position', 'eta', 'progress']) expect(shown).not.toHaveProperty(key);
  });

  it('of a failed request has the error of its result', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, FAILING);
    const result = await app().untilEnded(deploymentId, requestId);
    const shown = await detail(deploymentId, requestId);
    expect(shown['error']).toEqual(result['error']);
    expect(shown['attempts']).toMatchObject([{ outcome: 'failed', cause: expect.stringMatching(/^10011: /) }]);
    expect(shown['files']).toEqual([]);
  });

  it('of a running request shows how far it is; of a waiting one where it stands and when it will be done', async () => {
    const deploymentId = await app().createDeployment();
    await app().run(deploymentId);
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting: string[] = [];
    for (let n = 0; n < 14; n += 1) waiting.push(await app().submit(deploymentId));
    const seen = await until('its first node', async () => {
      const shown = await detail(deploymentId, running);
      return (shown['nodes'] as JsonValue[]).length > 0 && shown;
    });
    expect(seen).toMatchObject({ status: 'in_progress', progress: { nodes_total: 2 }, attempts: [{ number: 1 }] });
    expect((seen['attempts'] as JsonObject[])[0]).not.toHaveProperty('ended_at');
    const last = await detail(deploymentId, waiting.at(-1) ?? '');
    expect(last).toMatchObject({
      status: 'in_queue',
      queue_position: 14,
      attempts: [],
      timeline: [{ phase: 'queued' }],
    });
    const { eta } = last;
    expect(
      isJsonObject(eta) &&
        Number(eta['low']) <= Number(eta['seconds']) &&
        Number(eta['seconds']) <= Number(eta['high']),
    ).toBe(true);
    expect((last['why'] as string[]).join(' ')).toContain('ready and busy');
  });

  it('keeps a data URI out of the answer', async () => {
    const deploymentId = await app().createDeployment(PHOTO);
    const picture = await app().createDeployment(PICTURE);
    const made = await app().run(picture);
    const url = (((made['outputs'] as JsonObject)['2'] as JsonObject)['images'] as JsonObject[])[0]?.['url'];
    const bytes = Buffer.from(await (await fetch(String(url))).arrayBuffer());
    const image = `data:image/png;base64,${bytes.toString('base64')}`;
    const requestId = await app().submit(deploymentId, { overrides: { '1': { inputs: { image } } } });
    await app().untilEnded(deploymentId, requestId);
    const shown = await detail(deploymentId, requestId);
    const reference = expect.stringMatching(new RegExp(`^data:image/png;bytes=${bytes.length};sha256=[0-9a-f]{64},…$`));
    expect(shown['graph']).toMatchObject({ '1': { inputs: { image: reference } } });
    expect(shown['overrides']).toMatchObject({ '1': { inputs: { image: reference } } });
    expect((shown['timeline'] as JsonObject[]).map(({ phase }) => phase)).toContain('run');
  });
});
