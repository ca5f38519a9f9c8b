// What the doctor says of settings, folders, databases and back ends, and by which exit code.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { S3_CREDENTIALS, startS3Server } from '../../testing/s3-server.ts';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { readConfig } from '../config.ts';
import { createDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { sql } from '../db/sql.ts';
import { checkDataDir } from './check-data-dir.ts';
import { checkDatabase } from './check-database.ts';
import { checkStart, FILE_STORAGE } from './check-start.ts';
import type { Finding } from './finding.ts';
import { judgeHardware, judgeSettings } from './judge-settings.pure.ts';
import { runDoctor } from './run-doctor.ts';

const verdicts = (findings: readonly Finding[]) => findings.map(({ verdict, what }) => `${verdict} ${what}`);
const SETTINGS = { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [], secrets: {} };

describe('settings', () => {
  test('an open address needs a public URL', () => {
    expect(verdicts(judgeSettings(SETTINGS))).toEqual(['ok public address']);
    expect(judgeSettings({ ...SETTINGS, host: '0.0.0.0' })).toMatchObject([
      { verdict: 'warn', says: expect.stringContaining('Set COMFLEET_PUBLIC_URL') },
    ]);
    const withUrl = { ...SETTINGS, host: '0.0.0.0', publicUrl: 'https://x.example' };
    expect(verdicts(judgeSettings(withUrl))).toEqual(['ok public address']);
  });

  test('a secret of an example fails where others can use it', () => {
    const secrets = { COMFLEET_ADMIN_TOKEN: 'change-me-change-me', COMFLEET_METRICS_TOKEN: undefined };
    expect(judgeSettings({ ...SETTINGS, secrets })[1]).toMatchObject({ verdict: 'warn' });
    const open = judgeSettings({ ...SETTINGS, host: '::', publicUrl: 'https://x', secrets })[1];
    expect(open).toMatchObject({ verdict: 'fail', says: expect.stringContaining('openssl rand -hex 24') });
    const good = { COMFLEET_ADMIN_TOKEN: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c' };
    expect(judgeSettings({ ...SETTINGS, secrets: good })[1]).toMatchObject({ verdict: 'ok' });
  });
});

test('hardware that names a provider without its block is told, since it runs elsewhere', () => {
  const named = (provider: string | undefined) => judgeHardware([{ sku: 'MINE', provider }], new Map([['OTHER', {}]]));
  expect(named('process')).toMatchObject([
    { verdict: 'warn', says: expect.stringMatching(/^"MINE" names the provider "process" and has no "process": /) },
  ]);
  expect([
    named(undefined),
    named('static'),
    judgeHardware([{ sku: 'MINE', provider: 'docker' }], new Map([['MINE', {}]])),
  ]).toEqual([[], [], []]);
});

describe('the data folder', () => {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-doctor-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('is made, and is nobody else’s', () => {
    expect(checkDataDir(join(dir, 'new'))).toMatchObject([{ verdict: 'ok' }, { what: 'data folder' }]);
    chmodSync(join(dir, 'new'), 0o755);
    expect(checkDataDir(join(dir, 'new'))[0]).toMatchObject({
      verdict: 'warn',
      says: expect.stringContaining('chmod'),
    });
  });

  test('that cannot be one is said with the way out', () => {
    writeFileSync(join(dir, 'a-file'), '');
    const [found] = checkDataDir(join(dir, 'a-file', 'below'));
    expect(found).toMatchObject({ verdict: 'fail', says: expect.stringContaining('COMFLEET_DATA') });
  });
});

describe('a database', () => {
  const used = useTestDatabase();
  const urlOf = (changes: { user?: string; database?: string } = {}) => {
    const { host, port, user, database } = { ...used.connection(), ...changes };
    return `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
  };

  test('that is as it should be is well', async () => {
    const { findings, services } = await checkDatabase(urlOf());
    expect(verdicts(findings)).toEqual(['ok database', 'ok database', 'ok database', 'ok schema']);
    expect(services).toBe(0);
  });

  test('whose role may make nothing is told, with what to grant', async () => {
    const role = `doctor_${crypto.randomUUID().slice(0, 8)}`;
    await used.db().query({ ...sql.empty, text: `create role ${role} login; grant select on migrations to ${role}` });
    const { findings } = await checkDatabase(urlOf({ user: role }));
    expect(findings).toContainEqual({
      verdict: 'fail',
      what: 'database',
      says: expect.stringContaining('grant create'),
    });
    await used.db().query({ ...sql.empty, text: `revoke all on migrations from ${role}; drop role ${role}` });
  });

  test('that a newer version changed is told apart by whether it breaks this one', async () => {
    const insert = (breaks: boolean) => sql`insert into migrations (number, name, is_breaking)
      values (9000, 'of_the_future', ${breaks}) on conflict (number) do update set is_breaking = excluded.is_breaking`;
    await used.db().query(insert(false));
    expect((await checkDatabase(urlOf())).findings.at(-1)).toMatchObject({ verdict: 'warn', what: 'schema' });
    await used.db().query(insert(true));
    expect((await checkDatabase(urlOf())).findings.at(-1)).toMatchObject({ verdict: 'fail', what: 'schema' });
    const db = createDatabase({ connection: used.connection(), log: silentLog, poolSize: 1 });
    await expect(migrate(db)).rejects.toThrow('start the newer version');
    await db.stop();
    await used.db().query(sql`delete from migrations where number = 9000`);
  });
});

describe('all of it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-doctor-'));
  const emulator = createEmulator({ baseDir: join(dir, 'emulator'), nullExec: true });
  let url: string;
  beforeAll(async () => {
    url = `http://127.0.0.1:${(await emulator.start()).port}`;
  });
  afterAll(async () => {
    await emulator.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const run = async (env: Record<string, string>) => {
    const lines: string[] = [];
    const given = { COMFLEET_DATA: join(dir, 'data'), ...env };
    const code = await runDoctor({ env: given, args: {}, write: (line) => lines.push(line) });
    return { code, text: lines.join('\n') };
  };

  test('is well, and says so line by line', async () => {
    const { code, text } = await run({ COMFLEET_COMFYUI: url });
    expect(code, text).toBe(0);
    expect(text).toContain(`ok    ComfyUI: ${url} answers`);
    expect(text).toMatch(/^\d+ ok, \d+ to look at, 0 failed$/m);
  });

  test('names a database that is not there, and a ComfyUI that does not answer', async () => {
    const { code, text } = await run({
      COMFLEET_COMFYUI: 'http://127.0.0.1:1',
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    });
    expect(code).toBe(1);
    expect(text).toMatch(
      /^fail {2}database: DATABASE_URL cannot be used: .*ECONNREFUSED.*Is PostgreSQL running there/m,
    );
    expect(text).toMatch(/^warn {2}ComfyUI: http:\/\/127.0.0.1:1 does not answer/m);
  });

  test.each(['/etc/passwd/x', '/proc/x'])('names a folder of files that cannot be made: %s', async (folder) => {
    const { code, text } = await run({ COMFLEET_COMFYUI: url, STORAGE_URL: `file:${folder}` });
    expect(code).toBe(1);
    expect(text).toMatch(
      /^fail {2}file storage: (\/etc\/passwd is a file, not a folder|no folder can be made in \/proc)/m,
    );
  });

  test('names hardware whose program is not there', async () => {
    const hardware = { sku: 'OWN', gpu: 'none', vram_gb: 8, ram_gb: 8, vcpus: 2, price_per_hour_usd: 1 };
    const block = { provider: 'process', process: { command: ['/nowhere/comfyui'] } };
    writeFileSync(join(dir, 'comfleet.config.json'), JSON.stringify({ hardware: [{ ...hardware, ...block }] }));
    vi.spyOn(process, 'cwd').mockReturnValue(dir);
    const { code, text } = await run({ COMFLEET_COMFYUI: url });
    vi.restoreAllMocks();
    rmSync(join(dir, 'comfleet.config.json'));
    expect(code).toBe(1);
    expect(text).toMatch(/^fail {2}provider process: hardware OWN: \/nowhere\/comfyui cannot be run/m);
  });

  test('names every setting that cannot be read', async () => {
    expect(await run({ PORT: 'x', COMFLEET_BILLING: 'maybe' })).toMatchObject({
      code: 2,
      text: expect.stringMatching(/PORT.*\n.*COMFLEET_BILLING/),
    });
  });
});

test('a database that does not answer at once is told of once, before it is given up', async () => {
  const data = mkdtempSync(join(tmpdir(), 'comfleet-doctor-'));
  const read = readConfig({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, { dataDir: data }, data);
  if (read.kind === 'bad') throw new Error(read.problems.join());
  const told: string[] = [];
  await checkStart(read.config, { withinMs: 200, onWait: (because) => void told.push(because) });
  expect(told).toEqual([expect.stringContaining('ECONNREFUSED')]);
  rmSync(data, { recursive: true });
});

test('a storage that cannot be used stops the start in words, and leaves no key in them', async () => {
  const data = mkdtempSync(join(tmpdir(), 'comfleet-doctor-'));
  const server = await startS3Server();
  const says = async (bucket: string, endpoint = server.url) => {
    const read = readConfig({ STORAGE_URL: `s3://${bucket}?endpoint=${endpoint}` }, { dataDir: data }, data);
    if (read.kind === 'bad') return read.problems;
    const findings = await checkStart(read.config, { withinMs: 0 });
    return findings.flatMap(({ verdict, what, says }) => (what === FILE_STORAGE ? [`${verdict}: ${says}`] : []));
  };
  const { accessKeyId, secretAccessKey } = S3_CREDENTIALS;
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  expect(await says('pictures')).toEqual([
    expect.stringMatching(/^ok: a file can be written.*bucket pictures at http/),
  ]);
  expect(server.store.objects.size).toBe(0);
  expect(await says('nowhere')).toEqual([expect.stringMatching(/^fail: .*there is no bucket "nowhere" at http/)]);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a-stranger');
  const refused = await says('pictures');
  expect(refused).toEqual([expect.stringMatching(/^fail: .*credentials are not accepted.*AWS_ACCESS_KEY_ID/)]);
  expect(refused.join()).not.toContain(secretAccessKey);
  // Whatever this machine knows itself by is out of the way.
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
  vi.stubEnv('AWS_ACCESS_KEY_ID', '');
  expect(await says('pictures')).toEqual([
    expect.stringMatching(/^fail: .*there are no credentials \(not set: AWS_ACCESS_KEY_ID\)/),
  ]);
  await server.close();
  vi.unstubAllEnvs();
  rmSync(data, { recursive: true });
});
