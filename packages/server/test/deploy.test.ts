// The files of deploy/, as far as they can be checked without a cluster or a container engine: what they name exists here.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../src/config.ts';
import { readStorageUrl } from '../src/files/storage-url.ts';
import { CLIENT_PACKAGES as S3_CLIENTS } from '../src/files/stores/s3-client.ts';
import { readProviders } from '../src/hardware-providers.ts';
import { CLIENT_PACKAGE as DOCKER_CLIENT } from '../src/instances/providers/docker-api.ts';
import { CLIENT_PACKAGE as KUBERNETES_CLIENT } from '../src/instances/providers/kubernetes-api.ts';
import { NEEDED } from '../src/instances/providers/kubernetes-check.ts';
import { SETTINGS } from '../src/settings.ts';

const root = resolve(import.meta.dirname, '../../..');
const deploy = join(root, 'deploy');
const files = readdirSync(deploy, { recursive: true, encoding: 'utf8' }).toSorted();
const text = (path: string) => readFileSync(join(deploy, path), 'utf8');
const base = (name: string) => parse(text(`kubernetes/base/${name}.yaml`));
const yamls = files.filter((path) => path.endsWith('.yaml'));
const settings = SETTINGS.map(({ name }) => name);

const { template } = base('deployment').spec;
const [container] = template.spec.containers;
const env = new Map<string, string>(
  container.env.map(({ name, value }: { name: string; value?: string }) => [name, value ?? '']),
);

it.each(yamls)('%s is YAML, and no secret', (path) => {
  const documents = parseAllDocuments(text(path), { uniqueKeys: true });
  expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  for (const document of documents) expect(document.get('kind')).not.toBe('Secret');
});

it.each(yamls.filter((path) => path.endsWith('kustomization.yaml')))('%s names files that are there', (path) => {
  const { resources = [], components = [], configMapGenerator = [] } = parse(text(path));
  const named: string[] = [...resources, ...components];
  for (const { files: added = [] } of configMapGenerator) named.push(...added);
  for (const name of named) expect(files).toContain(join(dirname(path), name));
});

it.each(files.filter((path) => path.endsWith('comfleet.config.json')))(
  '%s is a configuration without problems',
  (path) => {
    expect(readConfig({}, {}, join(deploy, dirname(path)))).toMatchObject({ kind: 'ok' });
  },
);

describe('the Deployment', () => {
  it('sets what is a setting', () => {
    const known = [...settings, 'POD_IP'];
    expect([...env.keys()].filter((name) => !known.includes(name))).toEqual([]);
  });

  it('is probed, and advertised, where it listens', () => {
    const ports = new Map(
      container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
    );
    expect(ports.get('admin')).toBe(Number(env.get('COMFLEET_ADMIN_PORT')));
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      expect(ports.has(container[probe].httpGet.port)).toBe(true);
    }
    expect(env.get('COMFLEET_ADVERTISE_URL')).toBe(`http://$(POD_IP):${ports.get('http')}`);
    for (const { targetPort } of base('service').spec.ports) expect(ports.has(targetPort)).toBe(true);
  });

  it('gives a stop the time that it takes', () => {
    const stopSeconds = Number(env.get('COMFLEET_STOP_GRACE_SECONDS')) + 15;
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(stopSeconds);
    expect(text('compose.yaml')).toContain(`stop_grace_period: ${stopSeconds}s`);
  });
});

it('the Role grants what the provider asks for, and nothing else', () => {
  type Rule = { resources: string[]; verbs: string[] };
  const granted = base('role').rules.flatMap(({ resources, verbs }: Rule) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
  );
  const needed = NEEDED.map(
    ({ verb, subresource }) => `${verb} pods${subresource === undefined ? '' : `/${subresource}`}`,
  );
  expect(granted.toSorted()).toEqual(needed.toSorted());
});

it('compose sets what is a setting, and starts with no secret but one that was made for it', () => {
  const { environment } = parse(text('compose.yaml')).services.comfleet;
  expect(Object.keys(environment).filter((name) => !settings.includes(name))).toEqual([]);
  expect(environment.COMFLEET_ADMIN_TOKEN).toMatch(/^\$\{COMFLEET_ADMIN_TOKEN:\?/);
});

it('compose with a bucket names it in the way that is read, and no key is in the file', () => {
  const { environment } = parse(text('compose.s3.yaml')).services.comfleet;
  const [, url = ''] = /^\$\{STORAGE_URL:-(.+)\}$/.exec(environment.STORAGE_URL) ?? [];
  expect(readStorageUrl(url, '/')).toMatchObject({ kind: 's3', bucket: 'comfleet', pathStyle: true });
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
    expect(environment[name]).toMatch(new RegExp(`^\\$\\{${name}:\\?`));
  }
});

it.each([DOCKER_CLIENT, KUBERNETES_CLIENT, ...S3_CLIENTS.split(' ')])(
  'the image holds the version that was tested: %s',
  (client) => {
    const [install] = /npm install --omit=dev .*/.exec(text('Dockerfile')) ?? [];
    expect(install?.split(' ')).toContain(client);
    const { devDependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, 'packages/server/package.json'), 'utf8'),
    );
    const [, name = '', version = ''] = /^(.+)@([^@]+)$/.exec(client) ?? [];
    expect(devDependencies[name]).toBe(version);
    expect(peerDependencies[name]).toBe(`^${version}`);
  },
);

it.each(Object.entries(dockerExamples()))('%s names hardware that is read without a problem', (_path, example) => {
  const problems: string[] = [];
  const providers = readProviders(example.hardware, problems);
  expect(problems).toEqual([]);
  expect([...providers.values()].map(({ kind }) => kind)).toContain('docker');
});

/** Of docs/hardware.md, each block of JSON that speaks of Docker. */
function dockerExamples(): Record<string, { hardware: unknown }> {
  const blocks = readFileSync(join(root, 'docs/hardware.md'), 'utf8').split('```json\n').slice(1);
  const found = blocks.map((block) => block.split('```')[0] ?? '').filter((block) => block.includes('"docker"'));
  return Object.fromEntries(
    found.map((block, index) => [`example ${index + 1} of docs/hardware.md`, JSON.parse(block)]),
  );
}
