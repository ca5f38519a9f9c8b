// PostgreSQL is on its way before the program is loaded; a start that comes to nothing takes it back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../testing/test-database.ts';
import { until } from '../testing/until.ts';
import { abandonEarly, startEarly } from './db/embedded/early-start.ts';
import { findPostmaster } from './db/embedded/postmaster.ts';
import { startEmbeddedPostgres } from './db/embedded.ts';
// Here, so that loading it is no part of a test's time.
import './run-server.ts';
import { runServer } from './start-server.ts';

let dataDir = '';
const postmaster = () => findPostmaster(join(dataDir, 'postgres'));
const start = () => startEmbeddedPostgres({ dataDir, log: silentLog, onExit: () => undefined });

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'comfleet-early-'));
  const made = await start();
  await made.stop();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

it('the server that was started early is the one that the service uses', async () => {
  startEarly(dataDir);
  const pid = await until('the early server', postmaster);
  const server = await start();
  expect(server.pid).toBe(pid);
  await server.stop();
  expect(postmaster()).toBeUndefined();
  await abandonEarly();
});

it('a server that runs is left alone, and a folder without a cluster as well', async () => {
  const server = await start();
  const { pid } = server;
  startEarly(dataDir);
  await abandonEarly();
  expect(postmaster()).toBe(pid);
  await server.stop();
  startEarly(join(dataDir, 'nothing'));
  await abandonEarly();
});

it('a start that is refused leaves no server behind', async () => {
  const env = { COMFLEET_DATA: dataDir, PORT: 'none' };
  expect(await runServer({ env, args: {}, emulatorCommand: undefined, version: '0' })).toBe(2);
  await until('no server', () => postmaster() === undefined);
});

it('with a database of its own none is started', async () => {
  const env = { COMFLEET_DATA: dataDir, PORT: 'none', DATABASE_URL: 'postgres://127.0.0.1/none' };
  expect(await runServer({ env, args: {}, emulatorCommand: undefined, version: '0' })).toBe(2);
  expect(postmaster()).toBeUndefined();
});
