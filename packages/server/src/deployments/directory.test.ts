import { expect, test } from 'vitest';
import { until } from '../../testing/until.ts';
import { DatabaseUnavailable } from '../db/database-unavailable.ts';
import type { DeploymentRow } from './deployments.sql.ts';
import { createDeploymentDirectory } from './directory.ts';

const ID = '01a2103e-50f4-72a3-8a9f-38f7bf7783d3';
const ROW = { id: ID, account_id: 'a', is_enabled: true, deleted_at: null } as DeploymentRow;

test('a read that began before a disable does not bring the enabled deployment back', async () => {
  const answers: ((rows: DeploymentRow[]) => void)[] = [];
  const db = { query: <Row>() => new Promise<Row[]>((resolve) => answers.push(resolve as never)) };
  const directory = createDeploymentDirectory({ db, clock: { now: () => 0 } });
  const reading = directory.find(ID);
  directory.learn({ ...ROW, is_enabled: false });
  answers[0]?.([ROW]);
  await until('it is read again', () => answers.length === 2);
  answers[1]?.([{ ...ROW, is_enabled: false }]);
  expect(await reading).toMatchObject({ isEnabled: false });
  expect(await directory.find(ID)).toMatchObject({ isEnabled: false });
});

test('of two edits that are learned in the wrong order the later one counts', async () => {
  const db = { query: async <Row>() => [{ ...ROW, is_enabled: false }] as Row[] };
  const directory = createDeploymentDirectory({ db, clock: { now: () => 0 } });
  directory.learn({ ...ROW, is_enabled: false });
  directory.learn(ROW);
  expect(await directory.find(ID)).toMatchObject({ isEnabled: false });
});

test('what was written last is known while the database is away', async () => {
  const query = () => Promise.reject(new DatabaseUnavailable(false, { cause: 'away' }));
  const directory = createDeploymentDirectory({ db: { query }, clock: { now: () => 0 } });
  directory.learn({ ...ROW, is_enabled: false });
  expect(await directory.find(ID)).toMatchObject({ isEnabled: false });
});

test('what another replica changed is read also after the clock was set back', async () => {
  let now = 3_600_000;
  let row = ROW;
  const directory = createDeploymentDirectory({ db: { query: async () => [row] as never }, clock: { now: () => now } });
  await directory.find(ID);
  row = { ...ROW, is_enabled: false };
  now = 0;
  expect(await directory.find(ID)).toMatchObject({ isEnabled: false });
});
