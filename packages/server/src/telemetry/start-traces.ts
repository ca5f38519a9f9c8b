// Loads OpenTelemetry's SDK when the environment asks for traces, and turns traces.ts on. The SDK is an optional peer
// and reads its own variables (endpoint, headers, sampler, batches); without it the service starts all the same.
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { describeError, type Log, redact } from './log.ts';
import { turnOnTraces } from './traces.ts';
import type { TracesExporter, TracesWish } from './traces-wish.pure.ts';

interface Deps {
  readonly wish: TracesWish;
  readonly version: string;
  readonly log: Log;
  /** Gives a package by its name; tests say that there is none. */
  readonly load?: ((name: string) => Promise<unknown>) | undefined;
}

/** Sends what is left, and turns traces off. */
export type StopTraces = () => Promise<void>;

const NOTHING: StopTraces = async () => undefined;
/** A collector that does not answer must not hold the stop. */
const FLUSH_MS = 2_000;

/** What to install; kept equal to the optional peers of package.json by a test. */
export const SDK_PACKAGES: Readonly<Record<string, string>> = {
  '@opentelemetry/core': '2.12.1',
  '@opentelemetry/resources': '2.12.1',
  '@opentelemetry/sdk-trace-base': '2.12.1',
  '@opentelemetry/exporter-trace-otlp-http': '0.223.1',
  '@opentelemetry/exporter-trace-otlp-proto': '0.223.1',
};

// Each by a literal name: a bundler has to see which modules it is to leave outside.
const LOADERS = {
  '@opentelemetry/core': () => import('@opentelemetry/core'),
  '@opentelemetry/resources': () => import('@opentelemetry/resources'),
  '@opentelemetry/sdk-trace-base': () => import('@opentelemetry/sdk-trace-base'),
  '@opentelemetry/exporter-trace-otlp-http': () => import('@opentelemetry/exporter-trace-otlp-http'),
  '@opentelemetry/exporter-trace-otlp-proto': () => import('@opentelemetry/exporter-trace-otlp-proto'),
};

type Sdk = { [Name in keyof typeof LOADERS]: Awaited<ReturnType<(typeof LOADERS)[Name]>> };

export async function startTraces(deps: Deps): Promise<StopTraces> {
  const { wish, log, version } = deps;
  if (wish.kind === 'off') return NOTHING;
  if (wish.kind === 'unserved') {
    log.error({ because: wish.problem }, 'no traces are sent');
    return NOTHING;
  }
  const sdk = await loadSdk(deps);
  if (sdk === undefined) return NOTHING;
  const say = (message: string) => log.warn({ because: redact(message) }, 'traces');
  const ignore = () => undefined;
  diag.setLogger(
    { error: say, warn: say, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const provider = createProvider(sdk, wish.exporters);
  const { W3CTraceContextPropagator } = sdk['@opentelemetry/core'];
  const turnOff = turnOnTraces(provider.getTracer('comfleet', version), new W3CTraceContextPropagator());
  log.info({ exporters: wish.exporters.join(',') }, 'traces are sent');
  return async () => {
    turnOff();
    const flushed = provider.shutdown().catch((error: unknown) => log.warn(describeError(error), 'traces'));
    await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS).unref())]);
    diag.disable();
  };
}

async function loadSdk({ log, load }: Deps): Promise<Sdk | undefined> {
  const names = Object.keys(LOADERS) as (keyof typeof LOADERS)[];
  try {
    const loaded = await Promise.all(names.map(async (name) => [name, await (load?.(name) ?? LOADERS[name]())]));
    return Object.fromEntries(loaded) as Sdk;
  } catch (error) {
    const packages = Object.entries(SDK_PACKAGES).map(([name, version]) => `${name}@${version}`);
    const remedy = `npm install --no-save --omit=dev ${packages.join(' ')}`;
    const message = 'NO TRACES: the environment asks for them, and the OpenTelemetry SDK is not installed';
    log.error({ remedy, ...describeError(error) }, message);
    return undefined;
  }
}

function createProvider(sdk: Sdk, exporters: readonly TracesExporter[]) {
  const { BasicTracerProvider, BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor } =
    sdk['@opentelemetry/sdk-trace-base'];
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = sdk['@opentelemetry/resources'];
  const processors = exporters.map((exporter) => {
    if (exporter === 'console') return new SimpleSpanProcessor(new ConsoleSpanExporter());
    const { OTLPTraceExporter: Json } = sdk['@opentelemetry/exporter-trace-otlp-http'];
    const { OTLPTraceExporter: Proto } = sdk['@opentelemetry/exporter-trace-otlp-proto'];
    return new BatchSpanProcessor(exporter === 'http/json' ? new Json() : new Proto());
  });
  // The environment's own name for the service comes last, and wins.
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'comfleet' }))
    .merge(detectResources({ detectors: [envDetector] }));
  return new BasicTracerProvider({ resource, spanProcessors: processors });
}
