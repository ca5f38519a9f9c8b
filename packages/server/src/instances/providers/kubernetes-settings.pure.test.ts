import { expect, test } from 'vitest';
import { readKubernetesSettings } from './kubernetes-settings.pure.ts';

const WHERE = 'hardware[0].kubernetes';

function read(value: unknown) {
  const problems: string[] = [];
  const settings = readKubernetesSettings(value, WHERE, problems);
  return { settings, problems };
}

test('an image is enough: one GPU, port 8188, nothing else', () => {
  const { settings, problems } = read({ image: 'registry.example/comfyui:1' });
  expect(problems).toEqual([]);
  expect(settings).toMatchObject({
    image: 'registry.example/comfyui:1',
    namespace: undefined,
    port: 8188,
    limits: { 'nvidia.com/gpu': '1' },
    requests: {},
    runAsNonRoot: false,
    terminationGraceSeconds: 10,
  });
});

test('everything that can be said is read', () => {
  const { settings, problems } = read({
    image: 'registry.example/comfyui@sha256:0',
    namespace: 'comfy',
    context: 'admin@cluster',
    command: ['python', 'main.py'],
    args: ['--listen'],
    port: 8000,
    gpu_resource: 'amd.com/gpu',
    gpus: 2,
    requests: { cpu: '4', memory: '16Gi' },
    limits: { memory: '32Gi', 'ephemeral-storage': '1.5G' },
    env: { HF_HOME: '/models/hf', HF_TOKEN: { secret: 'hf', key: 'token' } },
    volumes: [
      { path: '/models', claim: 'models' },
      { path: '/nodes', host_path: '/srv/nodes', sub_path: 'v1' },
    ],
    shm: '2Gi',
    node_selector: { 'example.com/gpu': 'l40s' },
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
    image_pull_policy: 'IfNotPresent',
    image_pull_secrets: ['registry'],
    service_account: 'runner',
    runtime_class: 'nvidia',
    priority_class: 'batch',
    run_as_non_root: true,
    run_as_user: 1000,
    fs_group: 1000,
    termination_grace_seconds: 0,
    labels: { 'example.com/team': 'vision' },
    annotations: { 'example.com/note': 'anything at all' },
  });
  expect(problems).toEqual([]);
  expect(settings?.limits).toEqual({ memory: '32Gi', 'ephemeral-storage': '1.5G', 'amd.com/gpu': '2' });
  expect(settings?.env).toEqual({ HF_HOME: '/models/hf', HF_TOKEN: { secret: 'hf', key: 'token' } });
  expect(settings?.volumes).toEqual([
    { path: '/models', source: { kind: 'claim', name: 'models' }, subPath: undefined },
    { path: '/nodes', source: { kind: 'host_path', name: '/srv/nodes' }, subPath: 'v1' },
  ]);
  expect(settings?.terminationGraceSeconds).toBe(0);
});

test('gpus: 0 asks for no device', () => {
  expect(read({ image: 'a', gpus: 0 }).settings?.limits).toEqual({});
});

test.each<[string, unknown, string]>([
  ['no object', 'a', `${WHERE}: "a": expected an object such as {"image": "registry.example/comfyui:1"}`],
  ['no image', {}, `${WHERE}.image: is missing: name the image of a ComfyUI`],
  ['a misspelt key', { image: 'a', imagee: 'b' }, `${WHERE}: unknown key "imagee" (did you mean "image"?)`],
  [
    'a bad quantity',
    { image: 'a', limits: { memory: '16 GB' } },
    `${WHERE}.limits.memory: "16 GB": expected a quantity`,
  ],
  ['a GPU twice', { image: 'a', limits: { 'nvidia.com/gpu': '2' } }, `${WHERE}.limits: nvidia.com/gpu is given by`],
  ['a bad name', { image: 'a', namespace: 'My_Space' }, `${WHERE}.namespace: "My_Space": expected a name`],
  ['a bad port', { image: 'a', port: 70000 }, `${WHERE}.port: 70000: expected a whole number from 1 to 65535`],
  ['no list', { image: 'a', command: 'python' }, `${WHERE}.command: "python": expected a list`],
  [
    'our label',
    { image: 'a', labels: { 'comfleet.dev/x': '1' } },
    `${WHERE}.labels: "comfleet.dev/x": expected a label`,
  ],
  [
    'the label of the service',
    { image: 'a', labels: { 'app.kubernetes.io/name': 'comfleet' } },
    `${WHERE}.labels: "app.kubernetes.io/name": expected a label`,
  ],
  ['a number in env', { image: 'a', env: { A: 1 } }, `${WHERE}.env.A: 1: expected a text, or`],
  [
    'half a secret',
    { image: 'a', env: { A: { secret: 's' } } },
    `${WHERE}.env.A: expected both the name of the secret`,
  ],
  [
    'a volume of nothing',
    { image: 'a', volumes: [{ path: '/m' }] },
    `${WHERE}.volumes[0].claim: name either the claim`,
  ],
  ['a volume nowhere', { image: 'a', volumes: [{ claim: 'm' }] }, `${WHERE}.volumes[0].path: is missing`],
  [
    'a way out',
    { image: 'a', volumes: [{ path: '/m', host_path: '/a/../b' }] },
    `${WHERE}.volumes[0].host_path: "/a/../b"`,
  ],
  ['a toleration of all', { image: 'a', tolerations: [{}] }, `${WHERE}.tolerations[0].operator: without a key`],
  [
    'Exists with a value',
    { image: 'a', tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] },
    '"Exists" takes no',
  ],
])('%s is refused with its place', (_name, value, problem) => {
  const { settings, problems } = read(value);
  expect(settings).toBeUndefined();
  expect(problems.join('\n')).toContain(problem);
});
