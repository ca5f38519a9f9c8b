// The SKU catalogue of the configuration: shown, validated against, billed by.
// routes: listHardware
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { sql } from '../src/db/sql.ts';
import { PICTURE } from '../testing/caller.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';

const FAST = { sku: 'FAST', gpu: 'RTX 5090', vram_gb: 32, ram_gb: 64, vcpus: 16 };

describe('a catalogue of the configuration', () => {
  const app = useTestApp({
    env: { COMFLEET_SKU_WITHOUT_PROVIDER: 'error' },
    configFile: { hardware: [{ ...FAST, price_per_hour_usd: 0.5, provider: 'static' }] },
  });

  it('is what GET /hardware shows', async () => {
    const { body } = await app().call('/hardware');
    const data = body['data'] as unknown as JsonObject[];
    expect(data.find(({ sku }) => sku === 'FAST')).toEqual({
      sku: 'FAST',
      gpu: 'RTX 5090',
      vram_gb: 32,
      ram_gb: 64,
      vcpus: 16,
      price_per_hour_usd: 0.5,
      price_per_hour_microdollars: 500_000,
      provider: 'static',
      is_available: true,
      is_default: true,
    });
    expect(data.find(({ sku }) => sku === 'TURING_16')).toMatchObject({ is_available: false, is_default: false });
  });

  it('gives its default, and refuses what it does not have, at creation and at edits', async () => {
    const deploymentId = await app().createDeployment();
    expect((await app().call(`/deployments/${deploymentId}`)).body).toMatchObject({ hardware: ['FAST'] });
    const { workflowId } = await app().saveWorkflow(PICTURE);
    const body = { name: 'd', workflow_id: workflowId, workflow_version: 'latest', hardware: ['TURING_16'] };
    const created = expectError(await app().call('/deployments', { method: 'POST', body }), 422001);
    expect(created.detail).toMatchObject([{ loc: ['body', 'hardware'], msg: expect.stringContaining('it has FAST') }]);
    const patch = { method: 'PATCH', body: { hardware: 'TURING_16' } };
    expectError(await app().call(`/deployments/${deploymentId}`, patch), 422001);
  });

  it('bills nothing while billing is off, and counts what was used all the same', async () => {
    const deploymentId = await app().createDeployment();
    await app().run(deploymentId, { extra_data: { emulator: { serviceMs: 50 } } });
    expect(await app().db.query(sql`select 1 from ledger`)).toEqual([]);
    expect((await app().call('/balance')).body).toEqual({ balance_usd: 0, balance_microdollars: 0, currency: 'USD' });
    const today = new Date().toISOString().slice(0, 10);
    const byDay = await app().call('/usage', { version: 'v1' });
    const used = { requests: 1, instance_seconds: expect.any(Number), cost_usd: 0, cost_microdollars: 0 };
    expect(byDay.body).toMatchObject({ to: today, data: [{ day: today, ...used }], total: used });
    const seconds = Number((byDay.body['total'] as JsonObject)['instance_seconds']);
    expect(seconds).toBeGreaterThan(0.03);
    const byDeployment = await app().call('/usage?group_by=deployment');
    expect(byDeployment.body['data']).toEqual([{ deployment_id: deploymentId, ...used }]);
    const byToken = await app().call(`/usage?group_by=token&from=${today}&to=${today}`);
    expect(byToken.body['data']).toEqual([{ token_id: expect.any(String), ...used }]);
    const other = await app().addAccount();
    expect((await app().call('/usage', { token: other })).body).toMatchObject({ data: [], total: { requests: 0 } });
  });

  it.each([
    ['from=yesterday', 'query.from'],
    ['to=2026-02-30', 'query.to'],
    ['group_by=hour', 'query.group_by'],
    ['from=2020-01-01', 'query.from'],
  ])('GET /usage?%s is refused', async (query, loc) => {
    const { detail } = expectError(await app().call(`/usage?${query}`), 422001);
    expect(detail.map((problem) => problem.loc.join('.'))).toEqual([loc]);
  });
});

describe('a run that outlasts what it reserved', () => {
  // So dear that a second costs $100: a reservation is at least a second.
  const app = useTestApp({
    env: { COMFLEET_BILLING: 'on', COMFLEET_RUN_TIMEOUT_SECONDS: '60' },
    configFile: { hardware: [{ ...FAST, price_per_hour_usd: 360_000, default: true }] },
  });

  it('goes on while the balance pays for it, and is stopped with 10001 when it no longer does', async () => {
    const account = (await app().call('/account')).body;
    const credit = (usd: number) =>
      app().call(`/admin/accounts/${account['id']}/credits`, { method: 'POST', body: { amount_usd: usd } });
    await credit(250);
    const deploymentId = await app().createDeployment();
    // Now its mean run is known: the next one reserves a second.
    await app().run(deploymentId);
    const result = await app().run(deploymentId, { extra_data: { emulator: { serviceMs: 50_000 } } });
    expect(expectFailed(result, 10001).details).toContain('outlasted the funds');
    const { body } = await app().call('/balance');
    // It had more than its second, and was stopped within one sweep of the end of the money.
    expect(body['balance_usd']).toBeLessThanOrEqual(150);
    expect(body['balance_usd']).toBeGreaterThan(-250);
  });
});
