// What goes wrong after acceptance ends in the result, behind status `completed` (codes 10004, 10006, 10007, 10008, 10011,
// 10012). The emulator misbehaves on demand; for one prompt by its extra_data.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { afterEach, describe, expect, it } from 'vitest';
import { PHOTO, PICTURE } from '../testing/caller.ts';
import { type TestApp, useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed, INSTANT } from '../testing/expect-error.ts';
import { SAMPLED, SAMPLER_CLASSES } from '../testing/node-classes.ts';
import { until } from '../testing/until.ts';

const app = useTestApp();
const BEGAN_AT = Date.now();

const faulty = (emulator: JsonValue, more: JsonObject = {}): JsonObject => ({ extra_data: { emulator }, ...more });

afterEach(() => app().emulator.faults.clear());

async function runOn(service: TestApp, body: JsonValue, graph: JsonValue = PICTURE): Promise<JsonObject> {
  const deploymentId = await service.createDeployment(graph);
  const result = await service.run(deploymentId, body);
  // A failed run is `completed` in status and `failed` in result (rule 6).
  const status = await service.status(deploymentId, String(result['request_id']));
  expect([status.status, status.body['status']]).toEqual([200, 'completed']);
  return result;
}

describe('a run that fails inside ComfyUI (10011)', () => {
  /** Its clock is slow: what a busy machine takes a second for counts as a run of 10 ms. */
  const quick = useTestApp({
    overrides: { clock: { now: () => BEGAN_AT + Math.floor((Date.now() - BEGAN_AT) / 100) } },
  });

  it('names the node, its class and the exception, with the traceback in debugInfo', async () => {
    const result = await runOn(app(), faulty({ nodeError: { type: 'ValueError', message: 'no such colour' } }));
    const { details, debugInfo } = expectFailed(result, 10011);
    expect(details).toContain('Node 2 (SaveImage)');
    expect(details).toContain('ValueError: no such colour');
    expect(debugInfo).toContain('File "');
    expect(result['instance_id']).toEqual(expect.any(String));
  });

  it('says "out of memory" when it was that', async () => {
    const { details } = expectFailed(await runOn(app(), faulty({ outOfMemory: true })), 10011);
    expect(details).toContain('out of memory');
  });

  it('ends when it passes its run_within_seconds, and is interrupted on its instance', async () => {
    const result = await runOn(app(), faulty({ serviceMs: 60_000 }, { run_within_seconds: 0.3 }));
    expect(expectFailed(result, 10011).details).toContain('run_within_seconds of 0.3 s');
    expect(app().emulator.executions().at(-1)).toMatchObject({ outcome: 'interrupted' });
  });

  it('is not timed while its prompt waits inside the instance behind another', async () => {
    const deploymentId = await quick().createDeployment();
    // A short run teaches the service that a second prompt may wait there.
    await quick().run(deploymentId);
    const ahead = await quick().submit(deploymentId, faulty({ serviceMs: 60_000 }));
    await quick().untilStatus(deploymentId, ahead, 'in_progress');
    const behind = await quick().submit(deploymentId, { run_within_seconds: 1 });
    await untilPending(quick());
    const from = performance.now();
    const { body } = await quick().status(deploymentId, behind);
    expect(body).toMatchObject({ status: 'in_queue', queue_position: 1 });
    await until('its limit has passed', () => performance.now() - from > 1_100);
    await quick().cancel(deploymentId, ahead);
    expect(await quick().untilEnded(deploymentId, behind)).toMatchObject({ status: 'succeeded' });
  });

  // After the one above: the instance has long runs from now on.
  it('is given no less time for a standstill of the service', async () => {
    const deploymentId = await quick().createDeployment();
    const requestId = await quick().submit(deploymentId, faulty({ serviceMs: 500 }, { run_within_seconds: 2 }));
    await untilRunning(quick());
    // Its instance has answered by then.
    await quick().untilStatus(deploymentId, requestId, 'in_progress');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    expect(await quick().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
  });

  it('ends when somebody else interrupts it on its instance', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, faulty({ serviceMs: 60_000 }));
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await untilRunning(app());
    await fetch(`${app().emulatorUrl}/interrupt`, { method: 'POST' });
    const result = await app().untilEnded(deploymentId, requestId);
    expect(expectFailed(result, 10011).details).toContain('somebody other than this service');
  });
});

describe('a prompt that ComfyUI refuses (10008)', () => {
  const ghosts = useTestApp();

  it('for a file that is not on the instance carries its node errors whole', async () => {
    const body = { overrides: { '1': { inputs: { image: 'nowhere.png' } } } };
    const { details, debugInfo } = expectFailed(await runOn(app(), body, PHOTO), 10008);
    expect(details).toContain('nowhere.png');
    const { error, node_errors } = JSON.parse(debugInfo);
    expect(error).toMatchObject({ type: 'prompt_outputs_failed_validation' });
    expect(node_errors['1']).toMatchObject({
      class_type: 'LoadImage',
      errors: [{ type: 'custom_validation_failed', extra_info: { input_name: 'image' } }],
      dependent_outputs: ['3'],
    });
  });

  it('for a node type that the version knows and the instance lacks', async () => {
    const info = await (await fetch(`${ghosts().emulatorUrl}/object_info`)).json();
    const more = { object_info: { ...(info as JsonObject), ...SAMPLER_CLASSES } as unknown as JsonObject };
    const { workflowId } = await ghosts().saveWorkflow(SAMPLED, more);
    const fields = { name: 'd', workflow_id: workflowId, workflow_version: 'v1' };
    const { body } = await ghosts().call('/deployments', { method: 'POST', body: fields });
    const { details } = expectFailed(await ghosts().run(String(body['id'])), 10008);
    expect(details).toContain('TestSampler');
  });
});

describe('a prompt that cannot be queued (10004)', () => {
  it('says what the instance answered', async () => {
    app().emulator.faults.merge({ refuse: { how: 'unavailable', paths: ['/prompt'], times: 1 } });
    const { details } = expectFailed(await runOn(app(), {}), 10004);
    expect(details).toContain('503');
  });
});

describe('a run whose outputs cannot be had (10006)', () => {
  it('because nothing came of it names the usual causes', async () => {
    const { details } = expectFailed(await runOn(app(), faulty({ lie: 'noOutputs' })), 10006);
    expect(details).toMatch(/output node.*virtual links/s);
  });

  it('because the instance has no such file', async () => {
    app().emulator.faults.merge({ view: { status: 404 } });
    const { details } = expectFailed(await runOn(app(), {}), 10006);
    expect(details).toContain('node 2');
  });

  it('not when the next try brings the file', async () => {
    app().emulator.faults.merge({ view: { status: 500, times: 1 } });
    expect(await runOn(app(), {})).toMatchObject({ status: 'succeeded' });
  });
});

describe('a run that its instance loses (10012)', () => {
  it('is given out again, and fails after the third loss', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, faulty({ forget: true }));
    const result = await app().untilEnded(deploymentId, requestId);
    expect(expectFailed(result, 10012).details).toContain('3 times');
    const attempts = await listAttempts(app(), requestId);
    expect(attempts.map(({ epoch, outcome }) => [epoch, outcome])).toEqual([
      [1, 'lost'],
      [2, 'lost'],
      [3, 'failed'],
    ]);
  });

  it('succeeds when the second attempt does', async () => {
    app().emulator.faults.merge({ forget: { times: 1 } });
    expect(await runOn(app(), {})).toMatchObject({ status: 'succeeded' });
  });

  const zombies = useTestApp();

  it('because its worker died although its server answers', async () => {
    zombies().emulator.faults.merge({ zombie: { times: 1 } });
    const deploymentId = await zombies().createDeployment();
    const requestId = await zombies().submit(deploymentId);
    await until('the loss', async () => (await listAttempts(zombies(), requestId)).length > 0);
    const [first] = await listAttempts(zombies(), requestId);
    expect(first).toMatchObject({ outcome: 'lost', cause: expect.stringContaining('worker is dead') });
    // Nothing more is given to it: it waits, as a later one does.
    const later = await zombies().submit(deploymentId);
    expect((await zombies().status(deploymentId, later)).body).toMatchObject({ status: 'in_queue' });
    expect((await zombies().status(deploymentId, requestId)).body).toMatchObject({ status: 'in_queue' });
    await zombies().stopEmulator();
    await zombies().startEmulator();
    expect(await zombies().untilEnded(deploymentId, requestId)).toMatchObject({ status: 'succeeded' });
    expect(await zombies().untilEnded(deploymentId, later)).toMatchObject({ status: 'succeeded' });
  });

  async function listAttempts(service: TestApp, requestId: string) {
    return await service.db.query<{ epoch: number; outcome: string; cause: string }>({
      text: 'select epoch, outcome, cause from attempts where request_id = $1 order by epoch',
      values: [requestId],
    });
  }
});

describe('faults that pass', () => {
  it.each<[string, JsonValue]>([
    ['the answer to the prompt gets lost', { replyCut: { times: 1 } }],
    ['the websocket is cut in the middle', { websocket: { closeAfterFrames: 4, times: 1 } }],
    ['the websocket says nothing', { websocket: { silent: true } }],
    ['the connection is reset', { refuse: { how: 'reset', paths: ['/prompt'], times: 2 } }],
    ['the end is told twice', { lie: 'finishTwice' }],
    ['progress is told after the end', { lie: 'progressAfterEnd' }],
    ['frames speak of another prompt', { lie: 'otherPrompt' }],
  ])('leave no trace in the result: %s', async (_what, faults) => {
    app().emulator.faults.merge(faults);
    const result = await runOn(app(), {});
    expect(result, JSON.stringify(result)).toMatchObject({ status: 'succeeded' });
    expect(Object.keys(result)).not.toContain('error');
  });

  it('leave polls answering while the instance is away, and the run goes on when it is back', async () => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, faulty({ serviceMs: 60_000 }));
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await app().stopEmulator();
    await app().untilStatus(deploymentId, requestId, 'in_queue');
    const waiting = await app().result(deploymentId, requestId);
    expect([waiting.status, waiting.body]).toEqual([
      200,
      { request_id: requestId, status: 'in_queue', created_at: expect.stringMatching(INSTANT) },
    ]);
    await app().startEmulator();
    await app().untilStatus(deploymentId, requestId, 'in_progress');
    await app().cancel(deploymentId, requestId);
    await app().untilEnded(deploymentId, requestId);
  });
});

describe('without an instance (10007)', () => {
  const alone = useTestApp({
    emulator: 'none',
    env: { COMFLEET_COMFYUI: 'http://127.0.0.1:9', COMFLEET_START_TIMEOUT_SECONDS: '1' },
  });

  it('a request ends after the start time-out and says the last cause', async () => {
    const deploymentId = await deploySampled(alone());
    const result = await alone().run(deploymentId);
    const { details } = expectFailed(result, 10007);
    expect(details).toMatch(/start time-out.*No instance could be reached/s);
    expect(Object.keys(result)).not.toContain('instance_id');
  });

  it('a request ends after its own start_within_seconds', async () => {
    const deploymentId = await deploySampled(alone());
    const result = await alone().run(deploymentId, { start_within_seconds: 0.2 });
    expect(expectFailed(result, 10007).details).toContain('start_within_seconds');
  });

  it('a submit is answered with 503001 when nobody ever said which nodes exist', async () => {
    const { workflowId } = await alone().saveWorkflow(PICTURE);
    const fields = { name: 'd', workflow_id: workflowId, workflow_version: 'latest' };
    const { body } = await alone().call('/deployments', { method: 'POST', body: fields });
    const reply = await alone().call(`/deployments/${body['id']}/inference`, { method: 'POST', body: {} });
    expectError(reply, 503001);
    expect(reply.headers.get('retry-after')).toEqual(expect.any(String));
  });

  it('a request of a busy instance ends after its start_within_seconds as well', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, faulty({ serviceMs: 60_000 }));
    await app().untilStatus(deploymentId, running, 'in_progress');
    const result = await app().run(deploymentId, { start_within_seconds: 0.1 });
    expect(expectFailed(result, 10007).details).toContain('ready and busy');
    await app().cancel(deploymentId, running);
  });

  async function deploySampled(service: TestApp): Promise<string> {
    const info = (await (await fetch(`${app().emulatorUrl}/object_info`)).json()) as JsonObject;
    const { workflowId } = await service.saveWorkflow(PICTURE, { object_info: info });
    const fields = { name: 'd', workflow_id: workflowId, workflow_version: 'v1' };
    return String((await service.call('/deployments', { method: 'POST', body: fields })).body['id']);
  }
});

async function untilPending(service: TestApp): Promise<void> {
  await until('a prompt that waits inside the instance', async () => {
    const queue = (await (await fetch(`${service.emulatorUrl}/queue`)).json()) as { queue_pending: unknown[] };
    return queue.queue_pending.length > 0;
  });
}

async function untilRunning(service: TestApp): Promise<void> {
  await until('a running prompt', () => service.emulator.executions().at(-1)?.outcome === 'running');
}
