// How a SKU's instances are started as Pods: the `kubernetes` of an entry of `hardware`, checked as strictly as the API
// server would, so that a mistake is found at the start and not by the first request. Pure; read by hardware-providers.ts.
import {
  createFieldReader,
  type FieldReader,
  type FieldRule,
  isDnsLabel,
  isDnsName,
  isEnvName,
  isLabelKey,
  isLabelValue,
  isPath,
  isQuantity,
  isText,
} from './settings-fields.pure.ts';

export interface KubernetesSettings {
  readonly image: string;
  /** Undefined: the namespace that comfleet runs in, or the context's. */
  readonly namespace: string | undefined;
  /** Of the kubeconfig, outside of the cluster; undefined: the service account, or the current context. */
  readonly context: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly args: readonly string[] | undefined;
  readonly port: number;
  /** Resource names to quantities; the GPU is among the limits. */
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, EnvValue>>;
  readonly volumes: readonly ModelVolume[];
  /** Of /dev/shm, in memory; undefined: the runtime's 64 MB. */
  readonly shm: string | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never' | undefined;
  readonly imagePullSecrets: readonly string[];
  /** Undefined: the namespace's default one; its token is never mounted. */
  readonly serviceAccount: string | undefined;
  readonly runtimeClass: string | undefined;
  readonly priorityClass: string | undefined;
  readonly runAsNonRoot: boolean;
  readonly runAsUser: number | undefined;
  readonly fsGroup: number | undefined;
  readonly terminationGraceSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export type EnvValue = string | { readonly secret: string; readonly key: string };

export interface ModelVolume {
  /** Where it appears in the Pod. */
  readonly path: string;
  readonly source: { readonly kind: 'claim' | 'host_path'; readonly name: string };
  readonly subPath: string | undefined;
}

export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  readonly tolerationSeconds?: number;
}

const DEFAULT_PORT = 8188;
const DEFAULT_GPU = 'nvidia.com/gpu';
const DEFAULT_GRACE_SECONDS = 10;
const LARGEST_ID = 2 ** 31 - 1;
/** Ours: a configuration that set them could make instances that nobody finds again, or that the Service sends callers to. */
const OUR_PREFIXES = ['comfleet.dev/', 'app.kubernetes.io/'];

const NAME: FieldRule = { fits: isDnsName, expected: 'a name of lower-case letters, digits, "-" and "."' };
const LABEL_NAME: FieldRule = { fits: isDnsLabel, expected: 'a name of at most 63 lower-case letters, digits and "-"' };
const TEXT: FieldRule = { fits: isText, expected: 'a text' };
const QUANTITY: FieldRule = { fits: isQuantity, expected: 'a quantity such as "500m", "4" or "16Gi"' };
const PATH: FieldRule = { fits: isPath, expected: 'an absolute path without ".." and ":"' };
const LABEL_VALUE: FieldRule = {
  fits: isLabelValue,
  expected: 'at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends',
};
const LABEL_KEY: FieldRule = { fits: isLabelKey, expected: 'a label such as "example.com/gpu"' };
const ENV_NAME: FieldRule = { fits: isEnvName, expected: 'a name such as HF_HOME' };
const OWN_LABEL_KEY: FieldRule = {
  fits: (key) => isLabelKey(key) && !OUR_PREFIXES.some((prefix) => key.startsWith(prefix)),
  expected: `a label such as "example.com/team", and none of comfleet's own (${OUR_PREFIXES.join('…, ')}…)`,
};

const KEYS = [
  ...['image', 'namespace', 'context', 'command', 'args', 'port', 'gpu_resource', 'gpus', 'requests', 'limits'],
  ...['env', 'volumes', 'shm', 'node_selector', 'tolerations', 'image_pull_policy', 'image_pull_secrets'],
  ...['service_account', 'runtime_class', 'priority_class', 'run_as_non_root', 'run_as_user', 'fs_group'],
  ...['termination_grace_seconds', 'labels', 'annotations'],
];

/** Undefined, with the reasons added to `problems`, where something is wrong. `where` is the path to `value`. */
export function readKubernetesSettings(
  value: unknown,
  where: string,
  problems: string[],
): KubernetesSettings | undefined {
  const found: string[] = [];
  const expected = 'an object such as {"image": "registry.example/comfyui:1"}';
  const reader = createFieldReader(value, { where, keys: KEYS, expected, problems: found });
  const settings = reader && readFields(reader);
  problems.push(...found);
  return found.length === 0 ? settings : undefined;
}

function readFields(reader: FieldReader): KubernetesSettings | undefined {
  const image = reader.text('image', { fits: isText, expected: 'an image such as "registry.example/comfyui:1"' });
  if (image === undefined) {
    if (!reader.has('image')) reader.problem('image', 'is missing: name the image of a ComfyUI');
    return undefined;
  }
  return {
    image,
    namespace: reader.text('namespace', LABEL_NAME),
    context: reader.text('context', TEXT),
    command: reader.list('command', TEXT),
    args: reader.list('args', TEXT),
    port: reader.whole('port', { min: 1, max: 65_535 }) ?? DEFAULT_PORT,
    ...readResources(reader),
    env: readEnv(reader),
    volumes: reader.objects('volumes', ['path', 'claim', 'host_path', 'sub_path']).flatMap(readVolume),
    shm: reader.text('shm', QUANTITY),
    nodeSelector: reader.map('node_selector', LABEL_KEY, LABEL_VALUE),
    tolerations: reader.objects('tolerations', TOLERATION_KEYS).map(readToleration),
    imagePullPolicy: reader.choice('image_pull_policy', ['Always', 'IfNotPresent', 'Never']),
    imagePullSecrets: reader.list('image_pull_secrets', NAME) ?? [],
    serviceAccount: reader.text('service_account', NAME),
    runtimeClass: reader.text('runtime_class', NAME),
    priorityClass: reader.text('priority_class', NAME),
    runAsNonRoot: reader.flag('run_as_non_root') ?? false,
    runAsUser: reader.whole('run_as_user', { min: 0, max: LARGEST_ID }),
    fsGroup: reader.whole('fs_group', { min: 0, max: LARGEST_ID }),
    terminationGraceSeconds: reader.whole('termination_grace_seconds', { min: 0, max: 3600 }) ?? DEFAULT_GRACE_SECONDS,
    labels: reader.map('labels', OWN_LABEL_KEY, LABEL_VALUE),
    annotations: reader.map('annotations', OWN_LABEL_KEY, TEXT),
  };
}

function readResources(reader: FieldReader): Pick<KubernetesSettings, 'requests' | 'limits'> {
  const gpu = reader.text('gpu_resource', LABEL_KEY) ?? DEFAULT_GPU;
  const count = reader.whole('gpus', { min: 0, max: 64 }) ?? 1;
  const limits = reader.map('limits', LABEL_KEY, QUANTITY);
  if (limits[gpu] !== undefined) reader.problem('limits', `${gpu} is given by gpu_resource and gpus`);
  // A device is only ever limited: its request is the limit, and the API refuses another one.
  const gpus: Record<string, string> = count > 0 ? { [gpu]: String(count) } : {};
  return { requests: reader.map('requests', LABEL_KEY, QUANTITY), limits: { ...limits, ...gpus } };
}

function readEnv(reader: FieldReader): Record<string, EnvValue> {
  const env: Record<string, EnvValue> = {};
  for (const [name, value] of reader.entries('env', ENV_NAME)) {
    if (typeof value === 'string') {
      env[name] = value;
      continue;
    }
    const where = `env.${name}`;
    const ref = reader.within(value, where, ['secret', 'key'], 'a text, or {"secret": …, "key": …}');
    const [secret, key] = [ref?.text('secret', NAME), ref?.text('key', TEXT)];
    if (secret !== undefined && key !== undefined) env[name] = { secret, key };
    else if (ref !== undefined && !(ref.has('secret') && ref.has('key'))) {
      reader.problem(where, 'expected both the name of the secret and its key');
    }
  }
  return env;
}

function readVolume(reader: FieldReader): ModelVolume[] {
  const path = reader.text('path', PATH);
  const claim = reader.text('claim', NAME);
  const hostPath = reader.text('host_path', PATH);
  const subPath = reader.text('sub_path', {
    fits: (text) => isPath(`/${text}`),
    expected: 'a relative path without ".."',
  });
  if (!reader.has('path')) reader.problem('path', 'is missing: where the volume appears in the Pod');
  if (reader.has('claim') === reader.has('host_path')) {
    reader.problem('claim', 'name either the claim of a persistent volume, or a host_path');
  }
  const name = claim ?? hostPath;
  if (path === undefined || name === undefined) return [];
  return [{ path, source: { kind: claim === undefined ? 'host_path' : 'claim', name }, subPath }];
}

const TOLERATION_KEYS = ['key', 'operator', 'value', 'effect', 'tolerationSeconds'];

function readToleration(reader: FieldReader): Toleration {
  const key = reader.text('key', LABEL_KEY);
  const operator = reader.choice('operator', ['Exists', 'Equal']);
  const value = reader.text('value', LABEL_VALUE);
  const effect = reader.choice('effect', ['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
  const tolerationSeconds = reader.whole('tolerationSeconds', { min: 0, max: LARGEST_ID });
  if (key === undefined && operator !== 'Exists') reader.problem('operator', 'without a key it has to be "Exists"');
  if (operator === 'Exists' && value !== undefined) reader.problem('value', '"Exists" takes no value');
  return {
    ...(key !== undefined && { key }),
    ...(operator !== undefined && { operator }),
    ...(value !== undefined && { value }),
    ...(effect !== undefined && { effect }),
    ...(tolerationSeconds !== undefined && { tolerationSeconds }),
  };
}
