// What one replica tells reaches the others and not itself, many of one turn in one notification.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog, useTestDatabase } from '../../testing/test-database.ts';
import { until } from '../../testing/until.ts';
import { createDatabase, type Database } from './database.ts';
import { createNotices, type Notices } from './notices.ts';

const used = useTestDatabase('empty');

type Heard = (readonly string[] | undefined)[];
let replicas: { db: Database; notices: Notices<'work'>; heard: Heard }[] = [];

beforeAll(async () => {
  replicas = ['a', 'b'].map((replicaId) => {
    const db = createDatabase({ connection: used.connection(), log: silentLog, poolSize: 2 });
    const notices = createNotices<'work'>({ db, replicaId, log: silentLog });
    const heard: Heard = [];
    notices.on('work', (ids) => heard.push(ids));
    return { db, notices, heard };
  });
  for (const { notices } of replicas) await notices.start();
});

afterAll(async () => {
  for (const { notices } of replicas) await notices.stop();
  for (const { db } of replicas) await db.stop();
});

function two() {
  const [here, there] = replicas;
  if (!here || !there) throw new Error('two replicas were made');
  here.heard.length = 0;
  there.heard.length = 0;
  return { here, there };
}

test('few rows are named, in one notification, and not told to oneself', async () => {
  const { here, there } = two();
  here.notices.tell('work', 'one');
  here.notices.tell('work', 'two');
  here.notices.tell('work', 'one');
  await until('the other replica hears of it', () => there.heard.length > 0);
  expect(there.heard).toEqual([['one', 'two']]);
  there.notices.tell('work', 'three');
  await until('the first replica hears of it', () => here.heard.length > 0);
  expect(here.heard).toEqual([['three']]);
});

test('of many rows only the topic is told', async () => {
  const { here, there } = two();
  for (let count = 0; count < 500; count += 1) here.notices.tell('work', crypto.randomUUID());
  await until('the other replica hears of it', () => there.heard.length > 0);
  expect(there.heard).toEqual([undefined]);
});
