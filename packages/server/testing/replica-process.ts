// A service as a process of its own, for tests with several on one database. Bundled and run by run-replicas.ts.
import { runServer } from '../src/run-server.ts';

const code = await runServer({ env: process.env, args: {}, emulatorCommand: undefined, version: '0.0.0-test' });
process.exit(code);
