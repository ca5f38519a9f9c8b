// The peer of row 13: graphile-worker drains jobs that do nothing. Run as a process: graphile-drain.ts <socket folder>
// <user> <database> <count>; says {"perSecond": …}.
import { run, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { nowMs } from '../statistics.ts';

const [host = '', user = '', database = '', countText = '0'] = process.argv.slice(2);
const count = Number(countText);
const ADDED_AT_ONCE = 1_000;
const pgPool = new pg.Pool({ host, user, database, port: 5432, max: 30 });
await runMigrations({ pgPool });
// In one transaction each job costs the more, the more there are before it: 100,000 took longer than ten minutes.
for (let added = 0; added < count; added += ADDED_AT_ONCE) {
  await pgPool.query(
    `select graphile_worker.add_job('trivial', json_build_object('number', n)) from generate_series($1::int4, $2::int4) n`,
    [added + 1, Math.min(count, added + ADDED_AT_ONCE)],
  );
}
await pgPool.query('analyze');
let done = 0;
let firstAt = 0;
const drained = new Promise<void>((resolve) => {
  void run({
    pgPool,
    concurrency: 24,
    noHandleSignals: true,
    taskList: {
      trivial() {
        if (done === 0) firstAt = nowMs();
        done += 1;
        if (done === count) resolve();
      },
    },
  });
});
await drained;
// The last ones are ended, but not yet on record.
for (;;) {
  const { rows } = await pgPool.query('select 1 from graphile_worker.jobs limit 1');
  if (rows.length === 0) break;
}
const lastAt = nowMs();
console.log(JSON.stringify({ perSecond: count / ((lastAt - firstAt) / 1_000) }));
process.exit(0);
