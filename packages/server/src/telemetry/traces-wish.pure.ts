// Which traces the usual OpenTelemetry variables ask for. Called by config.ts; start-traces.ts acts on it.

type Env = Readonly<Record<string, string | undefined>>;

export type TracesExporter = 'http/protobuf' | 'http/json' | 'console';

export type TracesWish =
  | { readonly kind: 'off' }
  | { readonly kind: 'on'; readonly exporters: readonly TracesExporter[] }
  /** Asked for in a way that is not served; said at the start. */
  | { readonly kind: 'unserved'; readonly problem: string };

const OFF: TracesWish = { kind: 'off' };

export function readTracesWish(env: Env): TracesWish {
  const read = (name: string) => env[name]?.trim() || undefined;
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return OFF;
  const hasEndpoint = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].some(read);
  const names = (read('OTEL_TRACES_EXPORTER') ?? (hasEndpoint ? 'otlp' : 'none')).split(',').map((name) => name.trim());
  if (names.includes('none')) return OFF;
  const exporters: TracesExporter[] = [];
  for (const name of names) {
    const exporter = name === 'otlp' ? protocolOf(read) : name;
    if (!isServed(exporter)) return { kind: 'unserved', problem: problemOf(name, exporter) };
    exporters.push(exporter);
  }
  return { kind: 'on', exporters };
}

function protocolOf(read: (name: string) => string | undefined): string {
  return read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/protobuf';
}

function isServed(name: string): name is TracesExporter {
  return name === 'http/protobuf' || name === 'http/json' || name === 'console';
}

function problemOf(name: string, protocol: string): string {
  if (name !== 'otlp') return `OTEL_TRACES_EXPORTER=${name} is not served; use otlp, console or none`;
  return `OTLP over ${protocol} is not served; set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf or http/json`;
}
