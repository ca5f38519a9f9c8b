// What the gate makes of funds that it has not read yet. The rest of it is tested through HTTP (test/billing.test.ts).
import { DEFAULT_HARDWARE, DEFAULT_SKU } from '@comfleet/api';
import { expect, it } from 'vitest';
import type { Queryable } from '../db/database.ts';
import { Funds } from './funds.ts';

const skus = DEFAULT_HARDWARE.map((sku) => ({ ...sku, provider: undefined }));
const hardware = { skus, defaultSku: DEFAULT_SKU, usable: skus.map(({ sku }) => sku) };

/** `rows`: what the database says of the account; undefined: it cannot be reached. */
function makeFunds(rows: () => object[] | undefined) {
  const query = async () => {
    const found = rows();
    if (found === undefined) throw new Error('away');
    return found;
  };
  const clock = { now: () => 0 };
  const db = { query } as unknown as Queryable;
  return new Funds({ db, clock, hardware, runTimeoutMs: 3_600_000, disable: async () => undefined });
}

it('a run that outlasts its reservation is not stopped for funds that were never read', async () => {
  let rows: object[] | undefined;
  const funds = makeFunds(() => rows);
  const ask = { accountId: crypto.randomUUID(), tokenId: crypto.randomUUID(), deploymentId: 'd', sku: DEFAULT_SKU };
  const overrun = { hold: funds.restore(ask), overrunMicrodollars: 1_000 };
  await expect(funds.refresh()).rejects.toThrow('away');
  expect(funds.chooseStops([overrun])).toEqual([]);
  rows = [{ token_id: null, balance: 100, spent: 0, spending_limit: null }];
  await funds.refresh();
  expect(funds.chooseStops([overrun])).toEqual([overrun]);
});
