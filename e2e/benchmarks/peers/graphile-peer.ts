// The peer of row 5: graphile-worker with an idle worker. Adds jobs one by one and says when each was added and begun.
// Run as a process: graphile-peer.ts <socket folder> <user> <database>; a line with a number on stdin asks for as many
// jobs, a line of JSON comes back.
import { createInterface } from 'node:readline';
import { run } from 'graphile-worker';
import pg from 'pg';
import { nowMs } from '../statistics.ts';

const [host = '', user = '', database = ''] = process.argv.slice(2);
const pgPool = new pg.Pool({ host, user, database, port: 5432, max: 10 });
const waiting = new Map<number, (at: number) => void>();
const runner = await run({
  pgPool,
  concurrency: 1,
  noHandleSignals: true,
  taskList: {
    trivial(payload) {
      const { number } = payload as { number: number };
      waiting.get(number)?.(nowMs());
      waiting.delete(number);
    },
  },
});
let number = 0;

async function addOne(): Promise<{ fromCall: number; fromAdded: number }> {
  number += 1;
  const begun = new Promise<number>((resolve) => waiting.set(number, resolve));
  const calledAt = nowMs();
  await runner.addJob('trivial', { number });
  const addedAt = nowMs();
  const begunAt = await begun;
  // The job is completed, and the worker idle again, before the next one.
  await new Promise((resolve) => setTimeout(resolve, 3));
  return { fromCall: begunAt - calledAt, fromAdded: begunAt - addedAt };
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const samples = [];
  for (let index = 0; index < Number(line); index += 1) samples.push(await addOne());
  console.log(JSON.stringify(samples));
}
await runner.stop();
await pgPool.end();
