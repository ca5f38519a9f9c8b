import { expect, test } from 'vitest';
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
  expect(await reading).toMatchObject({ isEnabled: false });
  expect(await directory.find(ID)).toMatchObject({ isEnabled: false });
});
