// What a campaign needs before its load: two accounts with funds, and a deployment of the one-colour graph for each.
import { demand, type Target } from './call-api.ts';
import { SAVED_GRAPH } from './pictures.ts';
import type { Stage } from './stage.ts';

const FUNDS_USD = 10_000;

export async function prepareTargets(
  stage: Pick<Stage, 'baseUrls' | 'token'>,
  wish: Record<string, unknown> = {},
): Promise<[Target, Target]> {
  const owner = { baseUrls: stage.baseUrls, token: stage.token() };
  const made = await demand(owner, '/admin/accounts', { name: 'Another' });
  const another = { baseUrls: stage.baseUrls, token: String(made['token']) };
  return [await prepareTarget(owner, owner, wish), await prepareTarget(another, owner, wish)];
}

async function prepareTarget(
  api: { baseUrls: readonly string[]; token: string },
  admin: { baseUrls: readonly string[]; token: string },
  wish: Record<string, unknown>,
): Promise<Target> {
  const account = String((await demand(api, '/account'))['id']);
  await demand(admin, `/admin/accounts/${account}/credits`, { amount_usd: FUNDS_USD });
  const { id } = await demand(api, '/workflows', { name: 'One colour' });
  const { version } = await demand(api, `/workflows/${id}/versions`, { workflow_api_json: SAVED_GRAPH });
  const deployment = await demand(api, '/deployments', {
    ...{ name: 'One colour', workflow_id: id, workflow_version: version, max_instances: 8 },
    ...wish,
  });
  return { ...api, account, deploymentId: String(deployment['id']) };
}
