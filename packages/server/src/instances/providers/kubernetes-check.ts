// Whether a cluster would let us make instances, before the first one is needed: permissions, and each SKU's Pod as the
// API server judges it without making it. Called by kubernetes.ts.
import type { ProviderProblem } from '../provider.ts';
import type { KubernetesApi, Question } from './kubernetes-api.ts';
import { explainRefusal, isPermission, readFailure } from './kubernetes-error.pure.ts';
import { makePod } from './kubernetes-manifest.ts';
import type { KubernetesSettings } from './kubernetes-settings.pure.ts';

type Settings = ReadonlyMap<string, KubernetesSettings>;

/** No Pod is made, and the database that holds the id of the fleet may have no tables yet. */
const NO_FLEET = 'check';

/** What the provider calls: the Role in deploy/kubernetes grants exactly this. */
export const NEEDED: readonly Question[] = [
  ...['create', 'delete', 'get', 'list', 'watch'].map((verb) => ({ verb })),
  { verb: 'get', subresource: 'log' },
];

export async function checkCluster(
  apis: ReadonlyMap<string, KubernetesApi>,
  settings: Settings,
): Promise<ProviderProblem[]> {
  const permissions = new Map([...new Set(apis.values())].map((api) => [api, checkPermissions(api)]));
  const found = await Promise.all(
    [...apis].map(async ([sku, api]) => {
      const problems = [...((await permissions.get(api)) ?? []), ...(await checkSku(sku, api, settings))];
      return problems.map((says) => ({ sku, says }));
    }),
  );
  return found.flat();
}

async function checkPermissions(api: KubernetesApi): Promise<string[]> {
  try {
    const answers = await Promise.all(NEEDED.map(async (question) => ({ question, may: await api.mayI(question) })));
    const missing = answers.filter(({ may }) => !may).map(({ question }) => nameOf(question));
    if (missing.length === 0) return [];
    return [
      `namespace ${api.namespace}: comfleet may not ${missing.join(', ')}: give its service account a Role for that`,
    ];
  } catch (error) {
    return [explainRefusal(readFailure(error), api.namespace)];
  }
}

function nameOf({ verb, subresource }: Question): string {
  return `${verb} pods${subresource === undefined ? '' : `/${subresource}`}`;
}

async function checkSku(sku: string, api: KubernetesApi, settings: Settings): Promise<string[]> {
  const ofSku = settings.get(sku);
  if (ofSku === undefined) return [];
  const spec = { id: `check-${sku.toLowerCase()}`, pool: '', accountId: '', deploymentId: '', sku, fingerprint: '' };
  const problems: string[] = [];
  try {
    await api.createPod(makePod(spec, ofSku, NO_FLEET), { isDryRun: true });
  } catch (error) {
    const failure = readFailure(error);
    // A quota that is used up now says nothing about the configuration; a missing permission is told of once for all.
    const isOfNow = /exceeded quota/.test(failure.message) || failure.reason === 'AlreadyExists';
    if (!isOfNow && !isPermission(failure)) problems.push(explainRefusal(failure, api.namespace));
  }
  return [...problems, ...(await checkSecrets(api, ofSku.imagePullSecrets))];
}

/** Only where comfleet may read secrets, which it need not. */
async function checkSecrets(api: KubernetesApi, names: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const name of names) {
    await api.readSecret(name).catch((error: unknown) => {
      if (readFailure(error).code !== 404) return;
      problems.push(`namespace ${api.namespace} has no secret "${name}" (image_pull_secrets)`);
    });
  }
  return problems;
}
