import { expect, test } from 'vitest';
import { readDockerSettings, readSize } from './docker-settings.pure.ts';

function read(value: unknown) {
  const problems: string[] = [];
  return { settings: readDockerSettings(value, 'docker', problems), problems };
}

test('an image is enough: nothing is published beyond the machine, no GPU, one instance', () => {
  const { settings, problems } = read({ image: 'registry.example:5000/team/comfyui:1' });
  expect(problems).toEqual([]);
  expect(settings).toMatchObject({
    ...{ network: 'comfleet', isInternal: false, reach: undefined, publishOn: '127.0.0.1', port: 8188 },
    ...{ gpus: { kind: 'none' }, maxInstances: 1, pull: 'missing', hasInit: true, stopGraceSeconds: 10 },
  });
});

test('everything there is', () => {
  const { settings, problems } = read({
    ...{ image: 'comfyui:1', host: 'tcp://10.0.0.5:2376', cert_path: '/etc/comfleet/tls', publish_on: '10.0.0.5' },
    ...{ command: ['python'], args: ['main.py'], env: { HF_HOME: '/models/hf' }, env_from: ['HF_TOKEN'] },
    ...{ gpus: ['0', '1', '2', '3'], gpus_per_instance: 2, devices: ['/dev/kfd'], group_add: ['video'] },
    mounts: [
      { source: '/srv/models', target: '/models' },
      { source: 'outputs', target: '/output', read_only: false },
    ],
    ...{ network: 'gpu-net', memory: '64g', shm_size: '8Gi', cpus: 8, pids_limit: 100, pull: 'always' },
    ...{ registry: { username: 'me', password_from: 'REGISTRY_TOKEN' }, user: '1000:1000', runtime: 'nvidia' },
    ...{ cap_add: ['CHOWN'], init: false, stop_grace_seconds: 3, labels: { 'org.example.team': 'art' }, port: 80 },
  });
  expect(problems).toEqual([]);
  expect(settings).toMatchObject({
    gpus: { kind: 'pool', ids: ['0', '1', '2', '3'], each: 2 },
    maxInstances: 2,
    memory: 64 * 1024 ** 3,
    shmSize: 8 * 1024 ** 3,
    mounts: [
      { source: '/srv/models', target: '/models', isReadOnly: true },
      { source: 'outputs', target: '/output', isReadOnly: false },
    ],
    registry: { username: 'me', passwordFrom: 'REGISTRY_TOKEN' },
  });
});

test.each([
  [2, { kind: 'count', count: 2 }],
  ['all', { kind: 'count', count: 'all' }],
  [0, { kind: 'none' }],
  [[], { kind: 'none' }],
])('gpus %j', (gpus, expected) => {
  expect(read({ image: 'a:1', gpus }).settings?.gpus).toEqual(expected);
});

test.each([
  ['512m', 512 * 1024 ** 2],
  ['1.5g', 1.5 * 1024 ** 3],
  ['16Gi', 16 * 1024 ** 3],
  ['1GB', 1024 ** 3],
  ['1000', 1000],
  ['0g', undefined],
  ['much', undefined],
])('a size of %s', (text, bytes) => {
  expect(readSize(text)).toBe(bytes);
});

test.each([
  [undefined, 'docker: nothing: expected an object such as {"image": "registry.example/comfyui:1"}'],
  [{}, 'docker.image: is missing: name the image of a ComfyUI'],
  [{ image: 'a:1', gpu: 1 }, 'docker: unknown key "gpu" (did you mean "gpus"?)'],
  [{ image: 'Not An Image' }, 'docker.image: "Not An Image": expected an image such as'],
  [{ image: 'a:1', network: 'host' }, 'docker.network: "host": expected the name of a network of its own'],
  [{ image: 'a:1', network: 'bridge' }, 'docker.network: "bridge": expected'],
  [{ image: 'a:1', privileged: true }, 'docker: unknown key "privileged"'],
  [{ image: 'a:1', cap_add: ['ALL'] }, 'docker.cap_add: ["ALL"]: expected a list, each a capability such as "CHOWN"'],
  [{ image: 'a:1', memory: 'much' }, 'docker.memory: "much": expected a size such as "512m" or "16g"'],
  [{ image: 'a:1', pull: 'sometimes' }, 'docker.pull: "sometimes": expected one of missing, always, never'],
  [{ image: 'a:1', gpus: 'some' }, 'docker.gpus: "some": expected one of all'],
  [{ image: 'a:1', gpus: ['0', '0'] }, 'docker.gpus: one of them is there twice'],
  [{ image: 'a:1', gpus: ['0'], gpus_per_instance: 2 }, 'docker.gpus_per_instance: 2: "gpus" has 1 only'],
  [{ image: 'a:1', gpus: 1, gpus_per_instance: 2 }, 'docker.gpus_per_instance: is for a list of "gpus"'],
  [{ image: 'a:1', env_from: ['COMFLEET_ADMIN_TOKEN'] }, 'docker.env_from: ["COMFLEET_ADMIN_TOKEN"]: expected a list'],
  ...['DATABASE_URL', 'PGPASSWORD', 'AWS_SECRET_ACCESS_KEY', 'OTEL_EXPORTER_OTLP_HEADERS', 'HF_*'].map(
    (name): [object, string] => [{ image: 'a:1', env_from: [name] }, `docker.env_from: ["${name}"]: expected a list`],
  ),
  [{ image: 'a:1', registry: { username: 'me' } }, 'docker.registry.password_from: is missing: name the variable'],
  [{ image: 'a:1', labels: { 'dev.comfleet.fleet': 'x' } }, 'docker.labels: "dev.comfleet.fleet": expected a label'],
  [{ image: 'a:1', mounts: [{ source: '/a' }] }, 'docker.mounts[0].target: is missing: where it appears'],
  [
    { image: 'a:1', mounts: [{ source: '/var/run/docker.sock', target: '/s' }] },
    'docker.mounts[0].source: "/var/run/docker.sock": expected a folder',
  ],
  [{ image: 'a:1', mounts: [{ source: '/', target: '/s' }] }, 'docker.mounts[0].source: "/": expected a folder'],
  [{ image: 'a:1', mounts: [{ source: '//', target: '/s' }] }, 'docker.mounts[0].source: "//": expected a folder'],
  [{ image: 'a:1', mounts: [{ source: '/./', target: '/s' }] }, 'docker.mounts[0].source: "/./": expected a folder'],
  [{ image: 'a:1', mounts: [{ source: '/run', target: '/s' }] }, 'docker.mounts[0].source: "/run": expected a folder'],
  [
    { image: 'a:1', mounts: [{ source: '/var//run/', target: '/s' }] },
    'docker.mounts[0].source: "/var//run/": expected a folder',
  ],
  [{ image: 'a:1', internal: true, reach: 'published' }, 'docker.reach: "published": an internal network publishes no'],
  [{ image: 'a:1', host: 'tcp://10.0.0.5:2376' }, 'docker.publish_on: is missing: the address of tcp://10.0.0.5:2376'],
  [{ image: 'a:1', host: 'ssh://me@host' }, 'docker.host: "ssh://me@host": expected "unix:///var/run/docker.sock"'],
  [{ image: 'a:1', cert_path: '/tls' }, 'docker.cert_path: is for a "host" such as'],
])('%j is refused with the field and the way out', (value, words) => {
  const { settings, problems } = read(value);
  expect(settings).toBeUndefined();
  expect(problems.join('\n')).toContain(words);
});
