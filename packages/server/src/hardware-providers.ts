// How the instances of each SKU are made: the blocks `urls`, `process`, `docker` and `kubernetes` of comfleet.config.json's
// `hardware`. Read by config.ts; an entry that names a provider without a block runs on the default pool.
import type { ProviderSettings, SkuSettings } from './instances/provider-settings.ts';
import { readDockerSettings } from './instances/providers/docker-settings.pure.ts';
import { readKubernetesSettings } from './instances/providers/kubernetes-settings.pure.ts';
import { readProcessSettings } from './instances/providers/process-settings.pure.ts';

/** The key of an entry that says how, by provider. */
const BLOCKS = { static: 'urls', process: 'process', docker: 'docker', kubernetes: 'kubernetes' } as const;

export function readProviders(entries: unknown, problems: string[]): ProviderSettings {
  const settings = new Map<string, SkuSettings>();
  for (const [index, entry] of (Array.isArray(entries) ? entries : []).entries()) {
    if (entry === null || typeof entry !== 'object') continue; // hardware-catalogue.ts says so
    const values = new Map<string, unknown>(Object.entries(entry));
    const found = readEntry(values, `hardware[${index}]`, problems);
    const sku = values.get('sku');
    if (found === undefined || typeof sku !== 'string') continue;
    settings.set(sku, found);
  }
  refuseShared(settings, problems);
  refuseRegistryPasswords(settings, problems);
  return settings;
}

function refuseShared(settings: ProviderSettings, problems: string[]): void {
  const urls = [...settings.values()].flatMap((each) => (each.kind === 'static' ? each.urls : []));
  for (const url of urls.filter((each, index) => urls.indexOf(each) < index)) {
    problems.push(`hardware: ${url} is in "urls" twice; an instance can be of one SKU only`);
  }
}

function readEntry(values: ReadonlyMap<string, unknown>, where: string, problems: string[]): SkuSettings | undefined {
  const provider = values.get('provider');
  refuseOtherBlocks(values, where, problems);
  if (provider === 'static' && values.has('urls')) {
    const urls = readUrls(values.get('urls'), `${where}.urls`, problems);
    return urls && { kind: 'static', urls };
  }
  if (provider === 'process' && values.has('process')) {
    const process = readProcessSettings(values.get('process'), `${where}.process`, problems);
    return process && { kind: 'process', process };
  }
  if (provider === 'docker' && values.has('docker')) {
    const docker = readDockerSettings(values.get('docker'), `${where}.docker`, problems);
    return docker && { kind: 'docker', docker };
  }
  if (provider !== 'kubernetes') return undefined;
  const kubernetes = readKubernetesSettings(values.get('kubernetes'), `${where}.kubernetes`, problems);
  return kubernetes && { kind: 'kubernetes', kubernetes };
}

/** What opens a registry is the service's alone, whichever SKU names it. */
function refuseRegistryPasswords(settings: ProviderSettings, problems: string[]): void {
  const passwords = [...settings.values()].map((each) => each.kind === 'docker' && each.docker.registry?.passwordFrom);
  for (const [sku, each] of settings) {
    const named = each.kind === 'docker' ? each.docker.envFrom : each.kind === 'process' ? each.process.envFrom : [];
    for (const name of named.filter((one) => passwords.includes(one))) {
      problems.push(`hardware ${sku}: "env_from" hands ${name} to instances, which is the password of a registry`);
    }
  }
}

function refuseOtherBlocks(values: ReadonlyMap<string, unknown>, where: string, problems: string[]): void {
  const provider = values.get('provider');
  if (provider !== undefined && !(String(provider) in BLOCKS)) return; // hardware-catalogue.ts says so
  for (const [name, key] of Object.entries(BLOCKS)) {
    if (name !== provider && values.has(key)) {
      problems.push(`${where}.${key}: is for the provider "${name}"; add "provider": "${name}" or take it out`);
    }
  }
}

function readUrls(value: unknown, where: string, problems: string[]): string[] | undefined {
  const isUrl = (url: unknown) =>
    typeof url === 'string' && /^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '');
  if (Array.isArray(value) && value.length > 0 && value.every(isUrl)) {
    return value.map((url) => String(url).replace(/\/+$/, ''));
  }
  problems.push(`${where}: ${JSON.stringify(value)}: expected a list of URLs such as ["http://127.0.0.1:8188"]`);
  return undefined;
}
