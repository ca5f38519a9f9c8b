// An instance as a Pod: what is asked of the cluster, and what makes the Pod known again to a later start. Called by
// kubernetes.ts.
import { createHash } from 'node:crypto';
import type { V1Container, V1Pod, V1PodSpec, V1ResourceRequirements, V1Volume } from '@kubernetes/client-node';
import type { InstanceSpec } from '../provider.ts';
import { CONTAINER, type SeenPod } from './kubernetes-pod.pure.ts';
import type { KubernetesSettings } from './kubernetes-settings.pure.ts';
import { isDnsLabel, isLabelValue } from './settings-fields.pure.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
const FLEET = 'comfleet.dev/fleet';
const SPEC = 'comfleet.dev/spec';

/** Selects the instances of one comfleet among others in the namespace. */
export function selectFleet(fleetId: string): string {
  return `${MANAGED_BY}=comfleet,${FLEET}=${labelled(fleetId)}`;
}

export function podName(instanceId: string): string {
  const name = `comfleet-${instanceId}`;
  return isDnsLabel(name) ? name : `comfleet-${hash(instanceId)}`;
}

/** What the Pod was made for; undefined where it is none of this fleet's. */
export function readSpec(pod: SeenPod, fleetId: string): InstanceSpec | undefined {
  const { annotations, labels } = pod.metadata ?? {};
  if (labels?.[MANAGED_BY] !== 'comfleet' || labels[FLEET] !== labelled(fleetId)) return undefined;
  try {
    const spec: Partial<Record<keyof InstanceSpec, unknown>> = JSON.parse(annotations?.[SPEC] ?? '');
    const { id, pool, accountId, deploymentId, sku, fingerprint } = spec;
    const isWhole = [id, pool, accountId, deploymentId, sku, fingerprint].every((part) => typeof part === 'string');
    return isWhole ? (spec as InstanceSpec) : undefined;
  } catch {
    return undefined; // somebody changed the annotation
  }
}

export function makePod(spec: InstanceSpec, settings: KubernetesSettings, fleetId: string): V1Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(spec.id),
      labels: {
        ...settings.labels,
        [MANAGED_BY]: 'comfleet',
        'app.kubernetes.io/component': 'instance',
        [FLEET]: labelled(fleetId),
        'comfleet.dev/instance': labelled(spec.id),
        'comfleet.dev/pool': hash(spec.pool),
        'comfleet.dev/account': labelled(spec.accountId),
        'comfleet.dev/deployment': labelled(spec.deploymentId),
        'comfleet.dev/sku': labelled(spec.sku),
      },
      annotations: { ...settings.annotations, [SPEC]: JSON.stringify(spec) },
    },
    spec: makeSpec(settings),
  };
}

function makeSpec(settings: KubernetesSettings): V1PodSpec {
  const { serviceAccount, runtimeClass, priorityClass, fsGroup, imagePullSecrets, tolerations } = settings;
  return {
    containers: [makeContainer(settings)],
    volumes: makeVolumes(settings),
    // One that ended has lost what it was doing: whether another is needed is for the scaler to say.
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: settings.terminationGraceSeconds,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    nodeSelector: { ...settings.nodeSelector },
    tolerations: tolerations.map((toleration) => ({ ...toleration })),
    imagePullSecrets: imagePullSecrets.map((name) => ({ name })),
    securityContext: { seccompProfile: { type: 'RuntimeDefault' }, ...(fsGroup !== undefined && { fsGroup }) },
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    ...(runtimeClass !== undefined && { runtimeClassName: runtimeClass }),
    ...(priorityClass !== undefined && { priorityClassName: priorityClass }),
  };
}

function makeContainer(settings: KubernetesSettings): V1Container {
  const { image, command, args, port, imagePullPolicy, runAsNonRoot, runAsUser } = settings;
  return {
    name: CONTAINER,
    image,
    ...(command !== undefined && { command: [...command] }),
    ...(args !== undefined && { args: [...args] }),
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
    ports: [{ name: 'http', containerPort: port }],
    env: Object.entries(settings.env).map(([name, value]) =>
      typeof value === 'string'
        ? { name, value }
        : { name, valueFrom: { secretKeyRef: { name: value.secret, key: value.key } } },
    ),
    resources: makeResources(settings),
    volumeMounts: [
      ...settings.volumes.map(({ path, subPath }, index) => ({
        name: `models-${index}`,
        mountPath: path,
        readOnly: true,
        ...(subPath !== undefined && { subPath }),
      })),
      ...(settings.shm === undefined ? [] : [{ name: 'shm', mountPath: '/dev/shm' }]),
    ],
    // The end of the log of one that failed is then in its status, also when the node forgets the log.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      ...((runAsNonRoot || (runAsUser ?? 0) > 0) && { runAsNonRoot: true }),
      ...(runAsUser !== undefined && { runAsUser }),
    },
  };
}

function makeResources({ requests, limits }: KubernetesSettings): V1ResourceRequirements {
  return { requests: { ...requests }, limits: { ...limits } };
}

function makeVolumes({ volumes, shm }: KubernetesSettings): V1Volume[] {
  const models = volumes.map(({ source }, index): V1Volume => {
    const name = `models-${index}`;
    if (source.kind === 'host_path') return { name, hostPath: { path: source.name } };
    return { name, persistentVolumeClaim: { claimName: source.name, readOnly: true } };
  });
  return shm === undefined ? models : [...models, { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: shm } }];
}

/** As it stands where it can be a label, so that it can be searched for; otherwise its hash. */
function labelled(text: string): string {
  return isLabelValue(text) ? text : hash(text);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}
