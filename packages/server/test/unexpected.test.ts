// What nobody expects has a code too (500001, 10000), and a restart in the middle changes nothing for callers.
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';

const app = useTestApp();
const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
const run = async (text: string, values: string[] = []) => await app().db.query<JsonObject>({ text, values });

describe('a restart', () => {
  it('goes on with what ran and what waited, and runs nothing twice', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, { extra_data: { emulator: { serviceMs: 700 } } });
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting = [await app().submit(deploymentId), await app().submit(deploymentId)];
    const before = app().emulator.executions().length;
    await app().restart();
    for (const id of [running, ...waiting]) {
      expect((await app().status(deploymentId, id)).status).toBe(200);
      expect(await app().untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
    }
    expect(app().emulator.executions().length - before).toBeLessThanOrEqual(waiting.length + 1);
    const prompts = app()
      .emulator.executions()
      .map(({ prompt_id }) => prompt_id);
    expect(new Set(prompts).size).toBe(prompts.length);
  });

  it('goes on with a cancel that was promised before', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting = await app().submit(deploymentId);
    await run('update requests set cancel_requested_at = now() where id = any($1)', [`{${running},${waiting}}`]);
    await app().restart();
    for (const id of [running, waiting])
      expect(await app().untilEnded(deploymentId, id)).toMatchObject({ status: 'cancelled' });
  });
});

describe('what cannot happen', () => {
  it('after acceptance ends the request with 10000', async () => {
    const deploymentId = await app().createDeployment();
    const running = await app().submit(deploymentId, SLOW);
    await app().untilStatus(deploymentId, running, 'in_progress');
    const waiting: string[] = [];
    for (let count = 0; count < 12; count += 1) waiting.push(await app().submit(deploymentId));
    const last = waiting.at(-1) ?? '';
    await run('delete from request_payloads where request_id = $1', [last]);
    await app().restart();
    await app().cancel(deploymentId, running);
    const { details } = expectFailed(await app().untilEnded(deploymentId, last), 10000);
    expect(details).toContain('the log of the service');
    expect(details).not.toContain('payload');
    for (const id of waiting.slice(0, -1))
      expect(await app().untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
  });

  it('in a call gets 500001 with the id of its log line, and nothing of its cause', async () => {
    await run('alter table workflows rename to moved_away');
    const reply = await app().call('/workflows');
    await run('alter table moved_away rename to workflows');
    const { message } = expectError(reply, 500001);
    expect(message).toContain('request_id');
    expect(reply.text).not.toContain('relation');
    expect((await app().call('/workflows')).status).toBe(200);
  });
});
