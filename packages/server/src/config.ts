// Environment, configuration file and command line → one frozen Config. The only reader of process.env but for crash points.
// Every bad value is reported at once; settings.ts has the list.
import { join, resolve } from 'node:path';
import { type HardwareCatalogue, listNearest } from '@comfleet/api';
import { createReader, isAddressBlock, isHostPort, readConfigFile } from './config-reader.ts';
import { readStorageUrl, type StorageSettings } from './files/storage-url.ts';
import { readCatalogue } from './hardware-catalogue.ts';
import { readProviders } from './hardware-providers.ts';
import type { ProviderSettings } from './instances/provider-settings.ts';
import { isPolicyEntry, type Policy, readPolicy } from './proxy/policy.pure.ts';
import { SETTINGS } from './settings.ts';
import { readTracesWish, type TracesWish } from './telemetry/traces-wish.pure.ts';

/** Ours, and read elsewhere: by the example clients, the tests, the fuzzer and the crash campaign. */
const OTHERS: ReadonlySet<string> = new Set([
  'COMFLEET_URL',
  'COMFLEET_TOKEN',
  'COMFLEET_TEST_LOG',
  'COMFLEET_FUZZ',
  'COMFLEET_CRASH_AT',
]);

/** What is set and does nothing, in words. */
export function listWithoutEffect(env: Env): string[] {
  const names = SETTINGS.map(({ name }) => name);
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('COMFLEET_') && !names.includes(name) && !OTHERS.has(name),
  );
  return unknown.map((name) => {
    const [nearest] = listNearest(name, names, 1);
    return `${name} is set and is no setting.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`;
  });
}

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly storage: StorageSettings;
  /** How long a signed URL of the storage is good; 0: files come through this service. */
  readonly presignedUrlSeconds: number;
  readonly inputCacheBytes: number;
  readonly adminToken: string | undefined;
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly databaseUrl: string | undefined;
  /** Where other replicas reach this one; undefined: where it listens. */
  readonly advertiseUrl: string | undefined;
  readonly comfyuiUrls: readonly string[];
  readonly allowPrivateHosts: readonly string[];
  readonly cancelledWord: 'canceled' | 'cancelled' | undefined;
  readonly errorStatus: 'real' | '200';
  readonly retentionDays: number;
  readonly requestRetentionDays: number;
  readonly unusedVersions: number;
  readonly queueLimit: number;
  readonly startTimeoutMs: number;
  readonly runTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly bodyLimitBytes: number;
  readonly proxyPolicy: Policy;
  readonly proxyBodyLimitBytes: number;
  readonly rateLimits: { readonly writes: number; readonly reads: number };
  readonly corsOrigins: readonly string[];
  readonly metricsToken: string | undefined;
  readonly adminPort: number | undefined;
  /** By the variables of OpenTelemetry; its SDK reads the rest of them. */
  readonly traces: TracesWish;
  readonly logLevel: string;
  /** Whether funds gate what runs. */
  readonly billing: 'on' | 'off';
  readonly hardware: HardwareCatalogue;
  /** How the instances of a SKU are made; one that is not there runs on the default pool. */
  readonly providers: ProviderSettings;
  /** Whether callers may provoke errors. */
  readonly sandbox: boolean;
}

export interface StartArgs {
  readonly comfyui?: readonly string[] | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly sandbox?: boolean | undefined;
}

export type ConfigResult = { kind: 'ok'; config: Config } | { kind: 'bad'; problems: string[] };

type Env = Readonly<Record<string, string | undefined>>;

/** Reads every setting; `cwd` is where relative paths and `comfleet.config.json` are looked up. */
export function readConfig(env: Env, args: StartArgs, cwd: string): ConfigResult {
  const file = readConfigFile(
    cwd,
    SETTINGS.map(({ name }) => name),
  );
  const reader = createReader(env, file);
  const { problems } = reader;
  const dataDir = resolve(cwd, args.dataDir ?? reader.text('COMFLEET_DATA') ?? './.comfleet');
  const config: Config = {
    port: args.port ?? reader.number('PORT', 7788, { min: 0, max: 65_535, whole: true }),
    host: args.host ?? reader.text('HOST') ?? '127.0.0.1',
    dataDir,
    ...readStorage(reader, { cwd, dataDir }),
    adminToken: reader.matching('COMFLEET_ADMIN_TOKEN', /^[\x21-\x7e]{16,200}$/, '16 to 200 visible ASCII characters'),
    publicUrl: reader.url('COMFLEET_PUBLIC_URL', ['http:', 'https:'])?.replace(/\/+$/, ''),
    allowedHosts: reader.list('COMFLEET_ALLOWED_HOSTS'),
    trustedProxies: reader.entries('COMFLEET_TRUSTED_PROXIES', isAddressBlock, 'addresses or CIDR blocks'),
    databaseUrl: reader.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    advertiseUrl: reader.url('COMFLEET_ADVERTISE_URL', ['http:'])?.replace(/\/+$/, ''),
    comfyuiUrls: readComfyuiUrls(args.comfyui ?? reader.list('COMFLEET_COMFYUI'), problems),
    allowPrivateHosts: reader.entries('COMFLEET_ALLOW_PRIVATE_HOSTS', isHostPort, 'host:port'),
    cancelledWord: reader.choice('COMFLEET_CANCELLED_WORD', ['canceled', 'cancelled']),
    errorStatus: reader.choice('COMFLEET_ERROR_STATUS', ['real', '200']) ?? 'real',
    retentionDays: reader.number('COMFLEET_RETENTION_DAYS', 7, { min: 0 }),
    requestRetentionDays: reader.number('COMFLEET_REQUEST_RETENTION_DAYS', 30, { min: 0 }),
    unusedVersions: reader.number('COMFLEET_UNUSED_VERSIONS', 3, { min: 1, whole: true }),
    queueLimit: reader.number('COMFLEET_QUEUE_LIMIT', 10_000, { min: 1, whole: true }),
    startTimeoutMs: reader.number('COMFLEET_START_TIMEOUT_SECONDS', 900, { min: 0 }) * 1000,
    runTimeoutMs: reader.number('COMFLEET_RUN_TIMEOUT_SECONDS', 3600, { min: 0.001 }) * 1000,
    stopGraceMs: reader.number('COMFLEET_STOP_GRACE_SECONDS', 10, { min: 0 }) * 1000,
    bodyLimitBytes: reader.number('COMFLEET_BODY_LIMIT_BYTES', 64 * 1024 * 1024, { min: 1024, whole: true }),
    proxyPolicy: readPolicy(
      reader.entries('COMFLEET_PROXY_ALLOW', isPolicyEntry, 'entries such as "+GET userdata/*", "-POST free" or "*"'),
    ),
    proxyBodyLimitBytes: reader.number('COMFLEET_PROXY_BODY_LIMIT_BYTES', 8 * 1024 ** 3, { min: 1024, whole: true }),
    ...readHttp(reader),
    traces: readTracesWish(env),
    logLevel: reader.choice('COMFLEET_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'silent']) ?? 'info',
    billing: reader.choice('COMFLEET_BILLING', ['on', 'off']) ?? 'off',
    sandbox: args.sandbox ?? reader.choice('COMFLEET_SANDBOX', ['on', 'off']) === 'on',
    providers: readProviders(file.hardware, problems),
    hardware: readCatalogue(
      {
        entries: file.hardware,
        defaultSku: reader.text('COMFLEET_DEFAULT_SKU'),
        withoutProvider: reader.choice('COMFLEET_SKU_WITHOUT_PROVIDER', ['default-pool', 'error']) ?? 'default-pool',
      },
      problems,
    ),
  };
  return problems.length > 0 ? { kind: 'bad', problems } : { kind: 'ok', config: Object.freeze(config) };
}

function readStorage(reader: ReturnType<typeof createReader>, { cwd, dataDir }: { cwd: string; dataDir: string }) {
  const files: StorageSettings = { kind: 'disk', dir: join(dataDir, 'files') };
  const text = reader.text('STORAGE_URL');
  const read = text === undefined ? files : readStorageUrl(text, cwd);
  if ('problems' in read) reader.problems.push(...read.problems.map((problem) => `STORAGE_URL: ${problem}`));
  return {
    storage: 'problems' in read ? files : read,
    presignedUrlSeconds: reader.number('COMFLEET_PRESIGNED_URL_SECONDS', 0, { min: 0, max: 604_800, whole: true }),
    inputCacheBytes: reader.number('COMFLEET_INPUT_CACHE_BYTES', 10 * 1024 ** 3, { min: 0, whole: true }),
  };
}

function readHttp(reader: ReturnType<typeof createReader>) {
  const isSet = (name: string) => reader.text(name) !== undefined;
  const port = () => reader.number('COMFLEET_ADMIN_PORT', 0, { min: 0, max: 65_535, whole: true });
  return {
    rateLimits: {
      writes: reader.number('COMFLEET_RATE_LIMIT_WRITES', 100, { min: 0 }),
      reads: reader.number('COMFLEET_RATE_LIMIT_READS', 1_000, { min: 0 }),
    },
    corsOrigins: reader.entries('COMFLEET_CORS_ORIGINS', isOrigin, 'origins such as https://example.org, or *'),
    metricsToken: reader.matching(
      'COMFLEET_METRICS_TOKEN',
      /^[\x21-\x7e]{16,200}$/,
      '16 to 200 visible ASCII characters',
    ),
    adminPort: isSet('COMFLEET_ADMIN_PORT') ? port() : undefined,
  };
}

function isOrigin(entry: string): boolean {
  return entry === '*' || (URL.canParse(entry) && new URL(entry).origin === entry);
}

function readComfyuiUrls(urls: readonly string[], problems: string[]): string[] {
  const good: string[] = [];
  for (const url of urls) {
    if (URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol)) good.push(url.replace(/\/+$/, ''));
    else problems.push(`--comfyui ${url}: expected a URL such as http://127.0.0.1:8188`);
  }
  return [...new Set(good)];
}
