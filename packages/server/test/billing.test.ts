// Money through HTTP: funds gate what runs, runs are paid for exactly once, and everything adds up (code 10001).
// routes: getBalance, getUsage, addCredit, getAccountFunds, setSpendingLimit
import type { JsonObject } from '@comfleet/comfyui';
import { describe, expect, it } from 'vitest';
import { priceSpan } from '../src/billing/price.pure.ts';
import { sql } from '../src/db/sql.ts';
import { useTestApp } from '../testing/create-test-app.ts';
import { expectError, expectFailed } from '../testing/expect-error.ts';
import { until } from '../testing/until.ts';

const SLOW: JsonObject = { extra_data: { emulator: { serviceMs: 60_000 } } };
const PRICE = 990_000;

const app = useTestApp({ env: { COMFLEET_BILLING: 'on' } });

/** An account with a deployment of its own. */
async function addCustomer(usd = 0) {
  const token = await app().addAccount();
  const [row] = await app().db.query<{ account_id: string; id: string }>(
    sql`select account_id, id from tokens order by created_at desc, id desc limit 1`,
  );
  const customer = { token, accountId: row?.account_id ?? '', tokenId: row?.id ?? '' };
  if (usd !== 0) await credit(customer.accountId, { amount_usd: usd });
  return { ...customer, deploymentId: await deploy(token) };
}

async function deploy(token: string, fields: JsonObject = {}): Promise<string> {
  const graph = { '1': { class_type: 'EmptyImage', inputs: { width: 16, height: 16, batch_size: 1, color: 255 } } };
  const save = { '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'one' } } };
  const post = (path: string, body: JsonObject) => app().call(path, { method: 'POST', token, body });
  const workflow = (await post('/workflows', { name: 'w' })).body;
  await post(`/workflows/${workflow['id']}/versions`, { workflow_api_json: { ...graph, ...save } });
  const names = { name: 'd', workflow_id: String(workflow['id']), workflow_version: 'latest' };
  return String((await post('/deployments', { ...names, ...fields })).body['id']);
}

async function credit(accountId: string, body: JsonObject, headers: Record<string, string> = {}) {
  return await app().call(`/admin/accounts/${accountId}/credits`, { method: 'POST', body, headers });
}

const submit = (customer: { token: string; deploymentId: string }, body: JsonObject = {}) =>
  app().call(`/deployments/${customer.deploymentId}/inference`, { method: 'POST', token: customer.token, body });

const enable = (customer: { token: string; deploymentId: string }) =>
  app().call(`/deployments/${customer.deploymentId}`, {
    method: 'PATCH',
    token: customer.token,
    body: { is_enabled: true },
  });

const isEnabled = async (customer: { token: string; deploymentId: string }) =>
  (await app().call(`/deployments/${customer.deploymentId}`, { token: customer.token })).body['is_enabled'];

async function balanceOf(customer: { token: string }): Promise<number> {
  return Number((await app().call('/balance', { token: customer.token })).body['balance_microdollars']);
}

async function run(customer: { token: string; deploymentId: string }, body: JsonObject = {}) {
  const { token, deploymentId } = customer;
  const requestId = await app().submit(deploymentId, body, { token });
  return await app().untilEnded(deploymentId, requestId, { token });
}

describe('a new account', () => {
  it('has nothing, is refused with 10001, and may run once it has funds and enables its deployment', async () => {
    const customer = await addCustomer();
    const zero = await app().call('/balance', { token: customer.token, version: 'v1' });
    expect(zero.body).toEqual({ balance_usd: 0, balance_microdollars: 0, currency: 'USD' });
    const refused = expectError(await submit(customer), 10001).message;
    expect(refused).toContain('The balance is $0.00');
    expect(refused).toContain(`/admin/accounts/${customer.accountId}/credits`);
    expect(await isEnabled(customer)).toBe(false);
    expect(expectError(await enable(customer), 10001).message).toContain('$0.00');
    const added = await credit(customer.accountId, { amount_usd: 12.5, note: 'a gift' });
    expect(added.body).toEqual({ balance_usd: 12.5, balance_microdollars: 12_500_000, currency: 'USD' });
    const { message } = expectError(await submit(customer), 10001);
    expect(message).toContain('The balance is $12.50');
    expect(message.split('is_enabled')).toHaveLength(2);
    expect((await enable(customer)).body).toMatchObject({ is_enabled: true });
    expect(await run(customer)).toMatchObject({ status: 'succeeded' });
  });

  it('has a deployment that stays disabled with 10001 through other edits, and with 10002 once its owner disabled it', async () => {
    const customer = await addCustomer();
    const patch = (body: JsonObject) =>
      app().call(`/deployments/${customer.deploymentId}`, { method: 'PATCH', token: customer.token, body });
    expectError(await submit(customer), 10001);
    await credit(customer.accountId, { amount_usd: 1 });
    expect((await patch({ name: 'renamed' })).body).toMatchObject({ is_enabled: false, status: 'disabled' });
    expectError(await submit(customer), 10001);
    await patch({ is_enabled: false });
    expectError(await submit(customer), 10002);
    await patch({ is_enabled: true });
    expect(await run(customer)).toMatchObject({ status: 'succeeded' });
  });

  it('has its credits on the timeline', async () => {
    const customer = await addCustomer(1);
    const events = await app().db.query<{ message: string }>(sql`
      select message from events where account_id = ${customer.accountId} and kind = 'credits.added'`);
    expect(events).toEqual([{ message: '$1.00 were added to the balance' }]);
  });
});

describe('a run', () => {
  it('costs its time on the instance at the price of its SKU, once, to the microdollar', async () => {
    const customer = await addCustomer(1);
    const { token, deploymentId } = customer;
    const requestId = await app().submit(deploymentId, { extra_data: { emulator: { serviceMs: 120 } } }, { token });
    await app().untilEnded(deploymentId, requestId, { token });
    const entries = await app().db.query<{
      amount_microdollars: number;
      duration_ms: number;
      run_ms: number;
      token_id: string;
    }>(sql`
      select l.amount_microdollars, l.duration_ms, a.run_ms, l.token_id from ledger l
      join attempts a on a.request_id = l.request_id and a.epoch = l.epoch where l.request_id = ${requestId}`);
    expect(entries).toHaveLength(1);
    const [entry] = entries;
    const cost = priceSpan({ fromMs: 0, toMs: entry?.run_ms ?? 0 }, PRICE);
    expect(entry).toMatchObject({ amount_microdollars: -cost, duration_ms: entry?.run_ms, token_id: customer.tokenId });
    expect(entry?.duration_ms).toBeGreaterThanOrEqual(100);
    expect(await balanceOf(customer)).toBe(1_000_000 - cost);
    const detail = await app().call(`/deployments/${deploymentId}/requests/${requestId}`, { token });
    expect(detail.body).toMatchObject({ cost_microdollars: cost });
  });

  it('whose graph names a file that cannot be stored costs its time all the same', async () => {
    const customer = await addCustomer(1);
    const body = {
      overrides: { '2': { inputs: { filename_prefix: 'a\u0007b' } } },
      extra_data: { emulator: { serviceMs: 50 } },
    };
    expectFailed(await run(customer, body), 10006);
    expect(await balanceOf(customer)).toBeLessThan(1_000_000);
  });

  it('that is cancelled costs the time it had, and what never ran costs nothing', async () => {
    const customer = await addCustomer(1);
    const { token, deploymentId } = customer;
    const running = await app().submit(deploymentId, SLOW, { token });
    await until('it runs', async () => {
      const { body } = await app().status(deploymentId, running, { token });
      return body['status'] === 'in_progress';
    });
    const waiting = await app().submit(deploymentId, SLOW, { token });
    for (const requestId of [waiting, running]) {
      await app().cancel(deploymentId, requestId, { token });
      await app().untilEnded(deploymentId, requestId, { token });
    }
    const charged = await app().db.query<{ request_id: string }>(sql`
      select request_id from ledger where account_id = ${customer.accountId} and kind = 'run'`);
    expect(charged).toEqual([{ request_id: running }]);
  });
});

describe('funds that are low', () => {
  it('let 100 concurrent submits on the last cent start one run, and the balance stays above minus one reservation', async () => {
    const customer = await addCustomer(0.01);
    const replies = await Promise.all(Array.from({ length: 100 }, () => submit(customer, SLOW)));
    const accepted = replies.filter(({ status }) => status === 200);
    expect(accepted).toHaveLength(1);
    for (const reply of replies.filter(({ status }) => status !== 200)) expectError(reply, 10001);
    expect(await isEnabled(customer)).toBe(false);
    // What was accepted has its funds: it is not ended by the disabling.
    const requestId = String(accepted[0]?.body['request_id']);
    expect((await app().result(customer.deploymentId, requestId, { token: customer.token })).body['error']).toBe(
      undefined,
    );
    await app().cancel(customer.deploymentId, requestId, { token: customer.token });
    await app().untilEnded(customer.deploymentId, requestId, { token: customer.token });
    expect(await balanceOf(customer)).toBeGreaterThan(-priceSpan({ fromMs: 0, toMs: 60_000 }, PRICE));
    expect((await enable(customer)).status).toBe(200);
    expect(await run(customer)).toMatchObject({ status: 'succeeded' });
  });

  it('give back what a request reserved that was refused after all', async () => {
    const customer = await addCustomer(0.01);
    const bad = { overrides: { '99': { inputs: { x: 1 } } } };
    for (let n = 0; n < 3; n += 1) expectError(await submit(customer, bad), 422001);
    expect(await run(customer)).toMatchObject({ status: 'succeeded' });
  });

  it('that were taken back end what waits with 10001, and disable the deployments', async () => {
    const customer = await addCustomer(1);
    const { token, deploymentId } = customer;
    const ids = [await app().submit(deploymentId, SLOW, { token }), await app().submit(deploymentId, SLOW, { token })];
    await credit(customer.accountId, { amount_usd: -1, note: 'a mistake' });
    expectFailed(await app().untilEnded(deploymentId, ids[1] ?? '', { token }), 10001);
    await until('the deployment is disabled', async () => (await isEnabled(customer)) === false);
    await app().cancel(deploymentId, ids[0] ?? '', { token });
    await app().untilEnded(deploymentId, ids[0] ?? '', { token });
  });

  it('reserve again after a restart for what was live', async () => {
    const customer = await addCustomer(0.01);
    const { token, deploymentId } = customer;
    const requestId = await app().submit(deploymentId, SLOW, { token });
    await app().restart();
    expectError(await submit(customer), 10001);
    await app().cancel(deploymentId, requestId, { token });
    await app().untilEnded(deploymentId, requestId, { token });
  });
});

describe('spending limits', () => {
  const limit = (accountId: string, usd: number | null) =>
    app().call(`/admin/accounts/${accountId}/spending_limit`, { method: 'POST', body: { spending_limit_usd: usd } });

  it('of an account refuse new runs with 10001 once they are reached, whatever the balance', async () => {
    const customer = await addCustomer(5);
    expect((await limit(customer.accountId, 0)).body).toEqual({
      balance_usd: 5,
      balance_microdollars: 5_000_000,
      currency: 'USD',
      spent_usd: 0,
      spent_microdollars: 0,
      spending_limit_usd: 0,
    });
    expect(expectError(await submit(customer), 10001).message).toContain("account's spending limit of $0.00");
    expect(await isEnabled(customer)).toBe(false);
    expectError(await enable(customer), 10001);
    expect((await limit(customer.accountId, null)).body).not.toHaveProperty('spending_limit_usd');
    await enable(customer);
    expect(await run(customer)).toMatchObject({ status: 'succeeded' });
    const funds = await app().call(`/admin/accounts/${customer.accountId}/funds`);
    expect(funds.body).toMatchObject({ spent_microdollars: 5_000_000 - (await balanceOf(customer)) });
  });

  it('of a token refuse that token alone', async () => {
    const customer = await addCustomer(5);
    const made = await app().call('/tokens', {
      method: 'POST',
      token: customer.token,
      body: { name: 'small', spending_limit_usd: 0.0001 },
    });
    const small = { ...customer, token: String(made.body['token']) };
    const replies = await Promise.all(Array.from({ length: 5 }, () => submit(small, SLOW)));
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = replies.find(({ status }) => status !== 200);
    expect(refused && expectError(refused, 10001).message).toContain("token's spending limit");
    expect(await isEnabled(customer)).toBe(true);
    expect((await submit(customer, SLOW)).status).toBe(200);
    await app()
      .cancelAll()
      .catch(() => undefined); // of another account
    const live = await app().db.query<{ id: string }>(sql`
      select id from requests where account_id = ${customer.accountId} and finished_at is null`);
    for (const { id } of live) await app().cancel(customer.deploymentId, id, { token: customer.token });
    for (const { id } of live) await app().untilEnded(customer.deploymentId, id, { token: customer.token });
  });
});

describe('credits', () => {
  it.each([
    [{ amount_usd: 0.0000001 }, 'amount_usd'],
    [{ amount_usd: 0 }, 'amount_usd'],
    [{ amount_usd: '5' }, 'amount_usd'],
    [{ amount_usd: 1e12 }, 'amount_usd'],
    [{}, 'amount_usd'],
    [{ amount_usd: 1, note: 'x'.repeat(201) }, 'note'],
  ])('of %j are refused', async (body, field) => {
    const customer = await addCustomer();
    const { detail } = expectError(await credit(customer.accountId, body as JsonObject), 422001);
    expect(detail.map(({ loc }) => loc.join('.'))).toEqual([`body.${field}`]);
    expect(await balanceOf(customer)).toBe(0);
  });

  it('take a balance no further from zero than it can be told', async () => {
    const customer = await addCustomer(999_999_999);
    const { detail } = expectError(await credit(customer.accountId, { amount_usd: 2 }), 422001);
    expect(detail).toMatchObject([{ loc: ['body', 'amount_usd'], type: 'value_bigger_than_max', input: 2 }]);
    expect(await balanceOf(customer)).toBe(999_999_999_000_000);
    await credit(customer.accountId, { amount_usd: 1 });
    for (let times = 0; times < 2; times += 1) await credit(customer.accountId, { amount_usd: -1_000_000_000 });
    expect(await balanceOf(customer)).toBe(-1_000_000_000_000_000);
    expectError(await credit(customer.accountId, { amount_usd: -1 }), 422001);
    expect((await credit(customer.accountId, { amount_usd: 1 })).status).toBe(200);
  });

  it('under one Idempotency-Key are added once, and another amount is a conflict', async () => {
    const customer = await addCustomer();
    const headers = { 'idempotency-key': 'payment-1' };
    const add = (usd: number) => credit(customer.accountId, { amount_usd: usd }, headers);
    const replies = await Promise.all([add(3), add(3), add(3)]);
    for (const reply of replies) expect(reply.body).toMatchObject({ balance_usd: 3 });
    expectError(await add(4), 409001);
    expect(await balanceOf(customer)).toBe(3_000_000);
  });

  it('are for accounts that exist, and only administrators add them', async () => {
    const customer = await addCustomer();
    expectError(await credit(crypto.randomUUID(), { amount_usd: 1 }), 404001);
    expectError(await credit('nobody', { amount_usd: 1 }), 404001);
    const path = `/admin/accounts/${customer.accountId}/credits`;
    const body = { amount_usd: 1 };
    expectError(await app().call(path, { method: 'POST', token: customer.token, body }), 403003);
    expectError(await app().call(`/admin/accounts/${customer.accountId}/funds`, { token: customer.token }), 403003);
  });
});

describe('the ledger', () => {
  it.each(['update ledger set amount_microdollars = 0', 'delete from ledger', 'truncate ledger'])(
    'refuses "%s"',
    async (text) => {
      await addCustomer(1);
      await expect(app().db.query({ text, values: [] })).rejects.toThrow('append-only');
    },
  );

  it('adds up to the balance of every account, and to what each token spent', async () => {
    const customer = await addCustomer(1);
    await Promise.all(Array.from({ length: 20 }, () => run(customer)));
    const wrong = await app().db.query(sql`
      select b.account_id from balances b
      left join (select account_id, sum(amount_microdollars) as sum,
        sum(amount_microdollars) filter (where kind <> 'credit') as spent from ledger group by 1) l using (account_id)
      where b.balance_microdollars <> coalesce(l.sum, 0) or b.spent_microdollars <> -coalesce(l.spent, 0)
      union all
      select t.token_id from token_spending t
      left join (select token_id, -sum(amount_microdollars) as spent from ledger where token_id is not null group by 1) l
        using (token_id)
      where t.spent_microdollars <> coalesce(l.spent, 0)`);
    expect(wrong).toEqual([]);
  });
});
