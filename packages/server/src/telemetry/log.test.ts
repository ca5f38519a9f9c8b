// What must never be in a line, whoever wrote the text it stands in.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { until } from '../../testing/until.ts';
import { createLogTo, gatherLines, redact } from './log.ts';

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

it('lines of one moment are written together', async () => {
  const written: string[] = [];
  let flushes = 0;
  const flush = () => {
    flushes += 1;
  };
  const lines = gatherLines({ write: (line) => written.push(line), flush });
  for (let index = 0; index < 100; index += 1) lines.write(`${index}`);
  expect(flushes).toBe(0);
  await until('the lines are flushed', () => flushes > 0);
  expect(flushes).toBe(1);
  lines.write('later');
  await until('the next line is flushed', () => flushes > 1);
  expect(written).toHaveLength(101);
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
  expect(indexes).toEqual(Array.from({ length: 300 }, (_, index) => index));
});
