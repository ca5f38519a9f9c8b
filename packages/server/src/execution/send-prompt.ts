// POSTs a prompt and waits for the answer, as long as that matters: an instance that stands still keeps it back. What is
// over, or to be stopped, is not written any more. Called by run.ts.
import { ComfyError, type Submission, type SubmitOutcome } from '@comfleet/comfyui';
import { crashPoint } from '../telemetry/crash-point.ts';
import type { Attempt } from './attempt.ts';
import type { SendGuard } from './send-guard.ts';
import type { Watch } from './watch.ts';

/** Of a live instance it is there long before; looking for a prompt that is still on its way would find nothing. */
const ANSWERED_WITHIN_MS = 2_000;

interface Sending {
  readonly attempt: Attempt;
  readonly watch: Watch;
  /** With replicas: what every prompt passes. */
  readonly sendGuard: SendGuard | undefined;
  readonly prompt: Pick<Submission, 'clientId' | 'graphJson'> & { readonly extraDataJson: string | undefined };
}

export interface Posted {
  readonly outcome: SubmitOutcome;
  /** False: it may reach the instance later still. */
  isOver(): boolean;
}

export async function postPrompt({ attempt, watch, sendGuard, prompt }: Sending): Promise<Posted> {
  crashPoint('before-post');
  let isOver = false;
  let hasBegun = false;
  // It may wait long for a connection. By then it may run elsewhere, or be cancelled.
  const mayBegin = () => {
    const may = !watch.isOver() && attempt.request.stop === undefined;
    hasBegun ||= may;
    return may;
  };
  const { client } = attempt.instance.connection;
  const { extraDataJson, ...rest } = prompt;
  const extra = extraDataJson === undefined ? {} : { extraDataJson };
  const submission = { promptId: attempt.promptId, ...rest, ...extra };
  const answer = (
    sendGuard === undefined
      ? client.submit({ ...submission, mayBegin })
      : sendGuard.pass((isCertain) => client.submit({ ...submission, mayBegin: () => isCertain() && mayBegin() }))
  ).finally(() => {
    isOver = true;
  });
  const answered = await untilAnswered({ attempt, watch, hasBegun: () => hasBegun }, answer);
  crashPoint('after-post');
  return { outcome: answered ?? withoutAnswer(hasBegun), isOver: () => isOver };
}

interface Waiting {
  readonly attempt: Attempt;
  readonly watch: Watch;
  readonly hasBegun: () => boolean;
}

/** undefined: what the answer would be makes no difference any more. */
async function untilAnswered(
  { attempt: { request }, watch, hasBegun }: Waiting,
  answer: Promise<SubmitOutcome>,
): Promise<SubmitOutcome | undefined> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<SubmitOutcome | undefined>((resolve, reject) => {
      answer.then(resolve, reject);
      // Other ends may come before the answer, which may say that not all of it was taken.
      void watch.ended.then((end) => end.kind === 'lost' && resolve(undefined));
      request.onStop = () => {
        timer = setTimeout(() => resolve(undefined), hasBegun() ? ANSWERED_WITHIN_MS : 0);
      };
    });
  } finally {
    clearTimeout(timer);
  }
}

function withoutAnswer(mayHaveArrived: boolean): SubmitOutcome {
  const cause = new ComfyError('aborted', 'the instance did not answer the prompt', { mayHaveArrived });
  return { kind: 'unreachable', reason: cause.kind, cause, mayHaveArrived };
}
