// What the service counts about itself, for Prometheus. Off until app.ts turns it on: then each call below costs well
// under a microsecond; while it is off they return at once. Labels come from small fixed sets: no ids, no paths.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const WAIT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** Asked when somebody reads the metrics. */
export interface Sources {
  /** By word of the priority. */
  readonly queued: () => Readonly<Record<string, number>>;
  readonly running: () => number;
  readonly instances: () => Readonly<Record<string, number>>;
  readonly scaleTarget: () => number;
  /** Whether this replica does the work of all. */
  readonly isBrain: () => boolean;
  readonly pool: () => { readonly total: number; readonly idle: number; readonly waiting: number };
}

export type MetricsText = () => Promise<{ readonly text: string; readonly contentType: string }>;

type Instruments = ReturnType<typeof createInstruments>;

let instruments: Instruments | undefined;

function createInstruments() {
  const registry = new Registry();
  const registers = [registry];
  const common = { registers };
  return {
    registry,
    ended: new Counter({
      ...common,
      name: 'comfleet_requests_ended_total',
      help: 'Requests that reached their end, by outcome and error code.',
      labelNames: ['outcome', 'code'],
    }),
    queueWait: new Histogram({
      ...common,
      name: 'comfleet_request_queue_seconds',
      help: 'From acceptance to the start of the run that ended it.',
      buckets: WAIT_SECONDS,
    }),
    run: new Histogram({
      ...common,
      name: 'comfleet_request_run_seconds',
      help: 'How long requests ran on an instance.',
      buckets: WAIT_SECONDS,
    }),
    coldStart: new Histogram({
      ...common,
      name: 'comfleet_instance_start_seconds',
      help: 'From the wish for an instance to its first answer.',
      buckets: WAIT_SECONDS,
    }),
    starts: new Counter({
      ...common,
      name: 'comfleet_instance_starts_total',
      help: 'Instances that were asked for (asked), and those of them that never came up (failed).',
      labelNames: ['result'],
    }),
    submits: new Counter({
      ...common,
      name: 'comfleet_submits_total',
      help: 'Submits, by result: accepted, replayed, or the error code.',
      labelNames: ['result'],
    }),
    http: new Counter({
      ...common,
      name: 'comfleet_http_requests_total',
      help: 'HTTP calls, by route template and class of the status.',
      labelNames: ['method', 'route', 'status'],
    }),
    ...createWebhookInstruments(common),
  };
}

function createWebhookInstruments(common: { registers: Registry[] }) {
  return {
    deliveries: new Counter({
      ...common,
      name: 'comfleet_webhook_attempts_total',
      help: 'Tries to deliver a webhook, by result.',
      labelNames: ['result'],
    }),
    deliveryLag: new Histogram({
      ...common,
      name: 'comfleet_webhook_lag_seconds',
      help: 'From the event to its delivered webhook.',
      buckets: WAIT_SECONDS,
    }),
    pendingDeliveries: new Gauge({
      ...common,
      name: 'comfleet_webhooks_pending',
      help: 'Webhook deliveries that are owed, as this process last saw them.',
    }),
  };
}

/** The series of an HTTP call, found once: a string is cheaper to look up than three labels. */
const httpSeries = new Map<string, { inc(): void }>();

export const metrics = {
  requestEnded(of: { outcome: string; code: number | undefined; queuedMs: number; runMs: number | undefined }): void {
    if (instruments === undefined) return;
    instruments.ended.inc({ outcome: of.outcome, code: of.code === undefined ? '' : String(of.code) });
    instruments.queueWait.observe(of.queuedMs / 1000);
    if (of.runMs !== undefined) instruments.run.observe(of.runMs / 1000);
  },
  submitted(result: string): void {
    instruments?.submits.inc({ result });
  },
  instanceStarted(ms: number): void {
    instruments?.coldStart.observe(ms / 1000);
  },
  startsAsked(count: number): void {
    instruments?.starts.inc({ result: 'asked' }, count);
  },
  startFailed(): void {
    instruments?.starts.inc({ result: 'failed' });
  },
  deliveryTried(result: 'delivered' | 'failed', lagMs: number): void {
    if (instruments === undefined) return;
    instruments.deliveries.inc({ result });
    if (result === 'delivered') instruments.deliveryLag.observe(lagMs / 1000);
  },
  deliveriesPending(count: number): void {
    instruments?.pendingDeliveries.set(count);
  },
  isOn: () => instruments !== undefined,
  httpAnswered(method: string, route: string, status: number): void {
    if (instruments === undefined) return;
    const kind = `${Math.floor(status / 100)}xx`;
    const key = `${method} ${route} ${kind}`;
    let series = httpSeries.get(key);
    if (series === undefined) {
      series = instruments.http.labels({ method, route, status: kind });
      httpSeries.set(key, series);
    }
    series.inc();
  },
};

/** Begins to count; gives the text for a scrape. The counts are this process's, whoever asks. */
export function turnOnMetrics(sources: Sources): MetricsText {
  if (instruments === undefined) {
    instruments = createInstruments();
    collectDefaultMetrics({ register: instruments.registry });
  }
  const { registry } = instruments;
  addGauges(registry, sources);
  return async () => ({ text: await registry.metrics(), contentType: registry.contentType });
}

function addGauges(registry: Registry, sources: Sources): void {
  const add = (name: string, help: string, { label, read }: { label: string; read: () => Record<string, number> }) => {
    registry.removeSingleMetric(name);
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset();
        for (const [word, value] of Object.entries(read())) this.set({ [label]: word }, value);
      },
    });
  };
  // Per priority and not per deployment: thousands of deployments would be thousands of series.
  add('comfleet_queue_depth', 'Requests that wait, by priority.', { label: 'priority', read: sources.queued });
  add('comfleet_instances', 'Instances, by phase.', { label: 'phase', read: sources.instances });
  add('comfleet_scale_target', 'Instances that are wanted where they are started and stopped.', {
    label: 'state',
    read: () => ({ wanted: sources.scaleTarget() }),
  });
  add('comfleet_requests_running', 'Requests on an instance.', {
    label: 'state',
    read: () => ({ running: sources.running() }),
  });
  add('comfleet_brain', 'Whether this replica runs the requests of all: 1 on one of them.', {
    label: 'role',
    read: () => ({ brain: sources.isBrain() ? 1 : 0 }),
  });
  add('comfleet_database_connections', 'Connections of the pool, and calls that wait for one.', {
    label: 'state',
    read: () => ({ ...sources.pool() }),
  });
}
