// R16: so many requests wait, the service is killed and started again, and the first of them has to be given out soon, in
// the order in which they came. Listed in campaigns.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { callApi } from './call-api.ts';
import type { Campaign, Scene } from './campaign.ts';
import { findOvertaken } from './check-runs.pure.ts';
import { waitUntil } from './child-process.ts';
import { readExecutions } from './evidence.ts';
import { readUnfinished } from './final-rows.ts';
import type { Submission } from './history.pure.ts';
import { bodyOf } from './pictures.ts';
import { drawColours } from './random.ts';

const BACK_ENDS = 4;
const SUBMITTERS = 32;
/** Of the many, so many are followed to their end; of all, the database must know. */
const FOLLOWED = 500;
const DISPATCHED_WITHIN_MS = 5_000;
/** How many have to start before the order is judged. */
const JUDGED_STARTS = 200;
const STARTS_WITHIN_MS = 120_000;
const DISABLED = 10002;

export const R16: Campaign = {
  what: 'so many requests wait, kill -9 and start: the first is given out soon, and the order is kept',
  stage: () => ({
    ...{ setUp: 'fixed', backEndCount: BACK_ENDS, serviceMs: 20 },
    env: { COMFLEET_QUEUE_LIMIT: '1000000', COMFLEET_START_TIMEOUT_SECONDS: '86400' },
  }),
  callers: 0,
  circumstances: { excusedCodes: [DISABLED] },
  async play(scene) {
    const { stage, tries, tell, targets, callers } = scene;
    // The graph is judged while they are there; then nobody is to run anything.
    await callers.submitOne();
    await Promise.all(stage.backEnds.map((backEnd) => backEnd.stop()));
    const all = await submitMany(scene);
    tell(`${all.length} wait`);
    const { requests } = await readUnfinished(stage.database);
    const known = new Set(requests);
    const lost = all.filter(({ acknowledged: [id = ''] }) => !known.has(id));
    await stage.service.killForGood();
    for (const backEnd of stage.backEnds) backEnd.start();
    await Promise.all(stage.backEnds.map(({ url }) => waitUntil(() => answers(url), STARTS_WITHIN_MS)));
    const from = Date.now();
    stage.service.start();
    const starts = () => readExecutions(stage.executionFiles);
    await waitUntil(() => starts().length > 0, STARTS_WITHIN_MS, 50);
    const first = Math.min(...starts().map(({ startedAt }) => startedAt)) - from;
    tell(`the first began after ${Math.round(first)} ms`);
    await waitUntil(() => starts().length >= Math.min(JUDGED_STARTS, tries / 2), STARTS_WITHIN_MS, 200);
    const overtaken = findOvertaken({
      ...{ submissions: all, executions: starts(), attempts: [], rows: [], unexpectedEnds: [] },
      orderSlack: 2 * BACK_ENDS + SUBMITTERS,
    });
    await stage.service.whenReady();
    const disable = { method: 'PATCH', body: '{"is_enabled":false}' };
    await callApi(targets[0], `/deployments/${targets[0].deploymentId}`, disable);
    const complaints = [
      ...lost.slice(0, 5).map(({ acknowledged }) => `request ${acknowledged[0]} was acknowledged and is not there`),
      ...overtaken.slice(0, 5).map(({ message }) => message),
    ];
    return {
      strikes: { 'requests that waited': all.length },
      times: { 'first given out': [first] },
      circumstances: {
        complaints,
        measures: [{ what: 'the way to the first run', ms: first, barMs: DISPATCHED_WITHIN_MS }],
      },
    };
  },
};

async function submitMany({ tries, targets: [target], callers, random }: Scene): Promise<Submission[]> {
  const all: Submission[] = [];
  const nextColour = drawColours(random);
  const step = Math.max(1, Math.floor(tries / FOLLOWED));
  const submitter = async () => {
    while (all.length < tries) {
      const colour = nextColour();
      const submission: Submission = {
        ...{
          colour,
          account: target.account,
          kind: 'plain',
          idempotencyKey: undefined,
          acknowledged: [],
          observations: [],
        },
      };
      all.push(submission);
      const isFollowed = all.length % step === 0;
      const sentAt = Date.now();
      const path = `/deployments/${target.deploymentId}/inference`;
      const answer = await callApi(target, path, { method: 'POST', body: JSON.stringify(bodyOf('plain', colour)) });
      if (answer.kind === 'none' || answer.status !== 200) {
        await sleep(100);
        continue;
      }
      submission.acknowledged.push(String(answer.body['request_id']));
      Object.assign(submission, { sentAt, acknowledgedAt: Date.now() });
      if (isFollowed) callers.adopt(submission);
    }
  };
  await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
  return all.filter(({ acknowledged }) => acknowledged.length > 0);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/prompt`)).ok;
  } catch {
    return false; // it still starts
  }
}
