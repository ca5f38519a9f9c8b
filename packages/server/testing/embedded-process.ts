// A process that holds an embedded PostgreSQL as the service does, for tests that kill it: says what happens as lines of
// JSON, stops on SIGTERM, exits with 3 when it is refused. db/embedded.test.ts bundles it with esbuild and runs it.
import { startEmbeddedPostgres } from '../src/db/embedded.ts';

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const silent = (): void => {};

process.on('SIGINT', () => say({ event: 'interrupted' }));

try {
  const postgres = await startEmbeddedPostgres({
    dataDir: process.argv[2] ?? '',
    log: { info: silent, warn: silent, error: silent },
    onExit: (error) => {
      say({ event: 'exit', message: error.message });
      process.exit(4);
    },
    onDown: () => say({ event: 'down' }),
    onUp: () => say({ event: 'up', pid: postgres.pid }),
  });
  process.on('SIGTERM', () => void postgres.stop().then(() => process.exit(0)));
  say({ event: 'started', pid: postgres.pid, connection: postgres.connection });
  setInterval(() => {}, 60_000);
} catch (error) {
  say({ event: 'refused', message: error instanceof Error ? error.message : String(error) });
  process.exit(3);
}
