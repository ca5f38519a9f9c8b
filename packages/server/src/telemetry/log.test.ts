// What must never be in a line, whoever wrote the text it stands in.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLogTo, redact } from './log.ts';

function logged(fields: object, message = 'a line'): string {
  const lines: string[] = [];
  createLogTo('debug', { write: (line) => lines.push(line) }).debug(fields, message);
  return lines.join('');
}

const SECRET = 'Sup3rSecretValue0123456789abcdef';

describe('a secret is not written', () => {
  it.each([
    ['a token in an error', { error: `the header "Authorization: Bearer ${SECRET}" was refused` }],
    ['a token of ours', { reason: `somebody sent cf_${SECRET} in the path of a call` }],
    ['a signing secret', { reason: `the secret whsec_${SECRET} signs what goes there` }],
    ['the query of a URL', { cause: `https://host.example/picture.png?signature=${SECRET} answered 403` }],
    ['the password of a URL', { cause: `cannot reach postgres://user:${SECRET}@db.example/comfleet now` }],
    ['a data URI', { msg2: `not a picture: data:image/png;base64,${SECRET}` }],
    ['a nested one', { list: [{ url: `https://host.example/hook?key=${SECRET}` }] }],
    ['a field of that name', { token: SECRET, extra_data: { key: SECRET }, authorization: SECRET }],
    ['a property of an error', { err: Object.assign(new Error('failed'), { detail: SECRET, parameters: [SECRET] }) }],
    ['a message of an error', { err: new Error(`fetching https://host.example/a?b=${SECRET} failed`) }],
  ])('%s', (_what, fields) => {
    const line = logged(fields);
    expect(line).not.toContain(SECRET);
    expect(JSON.parse(line)).toMatchObject({ msg: 'a line' });
  });
});

it('what tells something stays', () => {
  const id = '01a210a5-20e7-7050-a7c7-9b533fa7cf8e';
  expect(JSON.parse(logged({ requestId: id, code: 10011, err: new TypeError('no such thing') }))).toMatchObject({
    requestId: id,
    code: 10011,
    err: { type: 'TypeError', message: 'no such thing', stack: expect.stringContaining('log.test.ts') },
  });
  expect(redact('GET https://host.example/a/picture.png answered 404 after 3 tries')).toContain(
    'picture.png answered 404',
  );
});

it('what is not written yet is written when the process ends', () => {
  const module = new URL('./log.ts', import.meta.url).href;
  const script = `const { createLog } = await import(${JSON.stringify(module)});
    const log = createLog('info');
    for (let index = 0; index < 300; index += 1) log.info({ index }, 'a line');
    process.exit(0);`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const indexes = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).index);
  // The last ones may overtake a write that is under way.
  expect(indexes.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, index) => index));
});

it('a log that cannot be written neither ends the process nor keeps it', () => {
  const full = '/dev/full'; // a device whose writes all fail with ENOSPC
  if (!existsSync(full)) return;
  const module = new URL('./log.ts', import.meta.url).href;
  const script = `const { createLog } = await import(${JSON.stringify(module)});
    const log = createLog('info');
    log.info({}, 'a line');
    setTimeout(() => process.exit(7), 100);`;
  const fd = openSync(full, 'w');
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', fd], timeout: 10_000 });
  closeSync(fd);
  expect(status).toBe(7);
});
