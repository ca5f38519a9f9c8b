// A service as a process of its own whose instances are never there: its provider notes when it is called, and nothing
// else. Bundled and run by e2e/benchmarks/rows/row-21-scaling-reaction.ts, with the flags of `comfleet start`.
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import type { Provider, ProviderEvents } from '../src/instances/provider.ts';
import { createStaticProvider } from '../src/instances/providers/static.ts';

/** A line for each call: the instance's id, and the time in milliseconds by the wall clock. */
function createStampingProvider(path: string): Provider {
  let events: ProviderEvents | undefined;
  return {
    kind: 'process',
    async start(given) {
      events = given;
    },
    async stop() {
      events = undefined;
    },
    async create({ id }) {
      appendFileSync(path, `${id} ${performance.timeOrigin + performance.now()}\n`);
    },
    async remove(id) {
      events?.onGone(id, 'it was removed', 'removed');
    },
  };
}

const { values } = parseArgs({
  allowPositionals: true,
  options: { host: { type: 'string' }, port: { type: 'string' }, data: { type: 'string' } },
});
const env = { ...process.env, HOST: values.host, PORT: values.port, COMFLEET_DATA: values.data };
const read = readConfig(env, {}, process.cwd());
if (read.kind === 'bad') throw new Error(read.problems.join('\n'));
const app = await startApp({
  config: read.config,
  version: '0.0.0-test',
  emulatorCommand: undefined,
  onFatal: (error) => {
    throw error;
  },
  overrides: {
    providers: ({ db, newId }) => [
      createStaticProvider({ db, newId, urls: [] }),
      createStampingProvider(process.env['STARTS_FILE'] ?? ''),
    ],
  },
});
process.on('SIGTERM', () => void app.stop().then(() => process.exit(0)));
