// After a restart it is known what instances have loaded, from what ran on them.
import type { JsonObject, ObjectInfo } from '@comfleet/comfyui';
import { expect, it } from 'vitest';
import { useTestApp } from '../../testing/create-test-app.ts';
import { SAMPLER_CLASSES } from '../../testing/node-classes.ts';
import { sql } from '../db/sql.ts';
import { listLatestRuns } from '../requests/latest-runs.sql.ts';

const { TestSampler } = SAMPLER_CLASSES;
const extraObjectInfo = {
  LoadTestModel: {
    ...TestSampler,
    name: 'LoadTestModel',
    input: { required: { file: [['flux.safetensors', 'sdxl.safetensors']] } },
  },
} as unknown as ObjectInfo;
const app = useTestApp({ emulator: 'pretending', extraObjectInfo });

const withModel = (file: string): JsonObject => ({
  '1': { class_type: 'LoadTestModel', inputs: { file: `${file}.safetensors` } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: file } },
});

async function whyItRan(deploymentId: string): Promise<string> {
  const id = await app().submit(deploymentId);
  expect(await app().untilEnded(deploymentId, id)).toMatchObject({ status: 'succeeded' });
  const { body } = await app().call(`/deployments/${deploymentId}/requests/${id}`);
  return JSON.stringify(body['why']);
}

it('a request finds its models loaded where they were before the restart, and others not', async () => {
  const [flux, sdxl] = [
    await app().createDeployment(withModel('flux')),
    await app().createDeployment(withModel('sdxl')),
  ];
  for (const deploymentId of [sdxl, flux]) await whyItRan(deploymentId);
  await app().restart();
  expect(await whyItRan(flux)).toContain('its models were loaded there');
  await app().restart();
  expect(await whyItRan(sdxl)).not.toContain('its models were loaded there');
});

it('a backlog is not walked: what ran came before the first that waits', async () => {
  const deploymentId = await app().createDeployment(withModel('flux'));
  await whyItRan(deploymentId);
  const copy = (age: number, state: string) => sql`
    insert into requests (id, account_id, deployment_id, version_id, created_at, state, instance_id, started_at, finished_at)
    select gen_random_uuid(), account_id, deployment_id, version_id, created_at + ${age} * interval '1 second', ${state}, instance_id,
      case when ${state} = 'failed' then started_at end, case when ${state} = 'failed' then finished_at end
    from requests where deployment_id = ${deploymentId} and state = 'succeeded'`;
  await app().db.query(copy(1, 'failed'));
  for (const age of [2, 3, 4]) await app().db.query(copy(age, 'queued'));
  const [row] = await app().db.query<{ at: number }>(
    sql`select min(created_at) as at from requests where deployment_id = ${deploymentId} and state = 'queued'`,
  );
  const list = async (waiting: { deploymentId: string; createdAt: number }[]) => {
    const runs = await listLatestRuns(app().db, { since: 0, perDeployment: 3, waiting });
    return runs.filter((run) => run.deployment_id === deploymentId).map((run) => run.has_succeeded);
  };
  expect(await list([])).toEqual([]);
  expect((await list([{ deploymentId, createdAt: row?.at ?? 0 }])).sort()).toEqual([false, true]);
  await app().db.query(sql`delete from requests where deployment_id = ${deploymentId} and state = 'queued'`);
});
