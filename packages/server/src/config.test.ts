// Settings from the environment, the file and the command line; every bad one is reported at once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, listWithoutEffect, readConfig, type StartArgs } from './config.ts';
import { SETTINGS } from './settings.ts';

let cwd = '';

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'comfleet-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

function read(env: Record<string, string> = {}, args: StartArgs = {}): Config {
  const result = readConfig(env, args, cwd);
  if (result.kind === 'bad') throw new Error(result.problems.join('\n'));
  return result.config;
}

function problemsOf(env: Record<string, string>, args: StartArgs = {}): string[] {
  const result = readConfig(env, args, cwd);
  return result.kind === 'bad' ? result.problems : [];
}

describe('settings', () => {
  it('of the storage: a folder or a bucket, and what is wrong with it without what is secret', () => {
    const storage = (STORAGE_URL: string) => {
      const read = readConfig({ STORAGE_URL }, {}, cwd);
      return read.kind === 'ok' ? read.config.storage : read.problems;
    };
    expect(storage('')).toEqual({ kind: 'disk', dir: join(cwd, '.comfleet', 'files') });
    expect(storage('file:pictures')).toEqual({ kind: 'disk', dir: join(cwd, 'pictures') });
    expect(storage('file:///srv/pictures')).toEqual({ kind: 'disk', dir: '/srv/pictures' });
    const s3 = { kind: 's3', bucket: 'b-1', prefix: '', region: undefined, endpoint: undefined, pathStyle: false };
    expect(storage('s3://b-1')).toEqual(s3);
    expect(storage('s3://b-1/a/b/?region=eu-west-1')).toEqual({ ...s3, prefix: 'a/b/', region: 'eu-west-1' });
    const own = { ...s3, endpoint: 'http://127.0.0.1:9000', region: 'us-east-1', pathStyle: true };
    expect(storage('s3://b-1?endpoint=http://127.0.0.1:9000')).toEqual(own);
    expect(storage('s3://b-1?endpoint=http://127.0.0.1:9000&path_style=false')).toEqual({ ...own, pathStyle: false });
    expect(storage('s3://key:secret@b-1/../x y?regoin=a&endpoint=nas&path_style=yes')).toEqual([
      expect.stringContaining('STORAGE_URL: keys do not belong in the URL: set AWS_ACCESS_KEY_ID'),
      expect.stringContaining('STORAGE_URL: "x%20y" is no prefix'),
      'STORAGE_URL: regoin: unknown; it knows region, endpoint, path_style',
      expect.stringContaining('STORAGE_URL: endpoint: expected a URL'),
      'STORAGE_URL: path_style: expected true or false',
    ]);
    expect(storage('gs://b-1')).toEqual([expect.stringContaining('STORAGE_URL: expected file:<folder> or s3://')]);
  });

  it('that are none are named with the nearest one', () => {
    expect(listWithoutEffect({ COMFLEET_RETENTION_DAY: '3', COMFLEET_URL: 'http://127.0.0.1', HOME: '/' })).toEqual([
      'COMFLEET_RETENTION_DAY is set and is no setting. Did you mean COMFLEET_RETENTION_DAYS?',
    ]);
  });

  it('have the defaults of the contract', () => {
    expect(read()).toEqual({
      ...read(),
      port: 7788,
      host: '127.0.0.1',
      dataDir: join(cwd, '.comfleet'),
      publicUrl: undefined,
      databaseUrl: undefined,
      comfyuiUrls: [],
      allowPrivateHosts: [],
      cancelledWord: undefined,
      errorStatus: 'real',
      retentionDays: 7,
      requestRetentionDays: 30,
      queueLimit: 10_000,
      startTimeoutMs: 900_000,
      runTimeoutMs: 3_600_000,
      bodyLimitBytes: 67_108_864,
    });
  });

  it('come from the command line before the environment before the file', () => {
    writeFileSync(join(cwd, 'comfleet.config.json'), '{"PORT": 1, "HOST": "0.0.0.0", "COMFLEET_RETENTION_DAYS": 3}');
    expect(read()).toMatchObject({ port: 1, host: '0.0.0.0', retentionDays: 3 });
    expect(read({ PORT: '2' })).toMatchObject({ port: 2, host: '0.0.0.0' });
    expect(read({ PORT: '2' }, { port: 3 })).toMatchObject({ port: 3 });
  });

  it('may be lists, in the file as well', () => {
    writeFileSync(join(cwd, 'comfleet.config.json'), '{"COMFLEET_COMFYUI": ["http://a:1", "http://b:2/"]}');
    expect(read().comfyuiUrls).toEqual(['http://a:1', 'http://b:2']);
    expect(read({ COMFLEET_COMFYUI: ' http://c:3/ , http://c:3,' }).comfyuiUrls).toEqual(['http://c:3']);
    expect(read({ COMFLEET_COMFYUI: 'http://c:3' }, { comfyui: ['https://d'] }).comfyuiUrls).toEqual(['https://d']);
  });

  it('that are empty count as not set', () => {
    expect(read({ PORT: '', HOST: '  ', DATABASE_URL: '' })).toMatchObject({ port: 7788, host: '127.0.0.1' });
  });

  it('that are bad are all reported at once, each with what it should be', () => {
    const problems = problemsOf(
      {
        PORT: '70000',
        COMFLEET_RETENTION_DAYS: 'week',
        COMFLEET_ERROR_STATUS: '404',
        COMFLEET_CANCELLED_WORD: 'aborted',
        COMFLEET_PUBLIC_URL: 'comfy.example.org',
        COMFLEET_ADMIN_TOKEN: 'short',
        COMFLEET_QUEUE_LIMIT: '1.5',
        DATABASE_URL: 'mysql://user:secret@host/db',
      },
      { comfyui: ['127.0.0.1:8188'] },
    );
    expect(problems).toHaveLength(9);
    for (const name of [
      'PORT',
      'RETENTION',
      'ERROR_STATUS',
      'CANCELLED',
      'PUBLIC_URL',
      'ADMIN_TOKEN',
      'QUEUE',
      'DATABASE',
    ])
      expect(problems.filter((problem) => problem.includes(name))).toHaveLength(1);
    expect(problems.join('\n')).toContain('a whole number from 0 to 65535');
    expect(problems.join('\n')).not.toContain('secret');
  });

  it('that are lists are checked entry by entry', () => {
    expect(
      problemsOf({
        COMFLEET_TRUSTED_PROXIES: '10.0.0.0/8, ::1, proxy.local, 10.0.0.0/99',
        COMFLEET_ALLOW_PRIVATE_HOSTS: 'files.local:9000, [::1]:80, 192.168.1.1, http://nas:80',
      }),
    ).toEqual([
      'COMFLEET_TRUSTED_PROXIES: proxy.local, 10.0.0.0/99: expected a comma list of addresses or CIDR blocks',
      'COMFLEET_ALLOW_PRIVATE_HOSTS: 192.168.1.1, http://nas:80: expected a comma list of host:port',
    ]);
  });

  it.each(['{', '[]', 'null', '"text"'])('in a file that is no JSON object, %s, are a problem', (text) => {
    writeFileSync(join(cwd, 'comfleet.config.json'), text);
    expect(problemsOf({})).toEqual([expect.stringContaining('comfleet.config.json cannot be read')]);
  });

  it('in a file that no setting has are a problem, with the one that was meant', () => {
    writeFileSync(
      join(cwd, 'comfleet.config.json'),
      '{"COMFLEET_RETENTION_DAY": 3, "hardwear": [], "STORAGE_URL": "s3://pictures"}',
    );
    expect(problemsOf({})).toEqual([
      'comfleet.config.json: unknown key "COMFLEET_RETENTION_DAY" (did you mean "COMFLEET_RETENTION_DAYS"?)',
      'comfleet.config.json: unknown key "hardwear" (did you mean "hardware"?)',
    ]);
  });

  it('may bring SKUs, whose problems are listed with the others', () => {
    writeFileSync(join(cwd, 'comfleet.config.json'), '{"hardware": [{"sku": "TURING_16", "price_per_hour_usd": -1}]}');
    expect(problemsOf({ COMFLEET_BILLING: 'maybe' })).toEqual([
      'COMFLEET_BILLING=maybe: expected one of on, off',
      expect.stringContaining('hardware[0].price_per_hour_usd: -1'),
    ]);
  });

  it('are all documented', () => {
    for (const setting of SETTINGS)
      expect(setting).toMatchObject({ name: expect.stringMatching(/^[A-Z_]+$/), what: expect.any(String) });
    expect(new Set(SETTINGS.map(({ name }) => name)).size).toBe(SETTINGS.length);
  });
});
