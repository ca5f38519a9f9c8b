// A prompt on its way to an instance that keeps its answers back: what is over, or cancelled, by the time there is a
// connection for it is not sent, and nobody waits for an answer that makes no difference any more.
import type { ServerResponse } from 'node:http';
import { createComfyClient } from '@comfleet/comfyui';
import { afterEach, expect, test } from 'vitest';
import { type FakeInstance, startFakeInstance } from '../../testing/fake-instance.ts';
import { until } from '../../testing/until.ts';
import type { Attempt } from './attempt.ts';
import { postPrompt } from './send-prompt.ts';
import type { RunEnd, Watch } from './watch.ts';

/** As many prompts may wait for their answers at once. */
const CONNECTIONS = 6;

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

/** It reads prompts and answers them when it is told to. */
async function startSilent() {
  const arrived: string[] = [];
  const held: ServerResponse[] = [];
  const fake: FakeInstance = await startFakeInstance({
    '/prompt': (request, response) => {
      let text = '';
      request.on('data', (piece) => {
        text += String(piece);
      });
      request.on('end', () => {
        arrived.push(JSON.parse(text).prompt_id);
        held.push(response);
      });
    },
  });
  const client = createComfyClient({ baseUrl: fake.url });
  open.push({ stop: () => client.close() }, fake);
  const answerAll = () => {
    for (const response of held.splice(0)) response.end(`{"prompt_id": "any", "number": 1, "node_errors": {}}`);
  };
  return { client, arrived, answerAll };
}

type Silent = Awaited<ReturnType<typeof startSilent>>;

function send({ client }: Silent, promptId: string) {
  let end: ((end: RunEnd) => void) | undefined;
  let isOver = false;
  const ended = new Promise<RunEnd>((resolve) => {
    end = resolve;
  });
  const watch = { ended, isOver: () => isOver } as Partial<Watch> as Watch;
  const request: { stop?: { kind: 'cancel' }; onStop?: () => void } = {};
  const attempt = { promptId, request, instance: { connection: { client } } } as unknown as Attempt;
  const prompt = { clientId: 'c', graphJson: '{}', extraDataJson: undefined };
  const posted = postPrompt({ attempt, watch, sendGuard: undefined, prompt });
  return {
    posted,
    lose() {
      isOver = true;
      end?.({ kind: 'lost', reason: 'silent', isAbsent: false });
    },
    cancel() {
      request.stop = { kind: 'cancel' };
      request.onStop?.();
    },
  };
}

/** All connections wait for answers, and one more prompt waits for a connection. */
async function sendOneTooMany(silent: Silent) {
  const first = Array.from({ length: CONNECTIONS }, (_, index) => send(silent, `first-${index}`));
  await until('the first prompts', () => silent.arrived.length === CONNECTIONS);
  const waiting = send(silent, 'waiting');
  /** One more behind it shows that its turn is over. */
  const goOn = async () => {
    const last = send(silent, 'last');
    silent.answerAll();
    await until('the last prompt', () => silent.arrived.includes('last'));
    silent.answerAll();
    await Promise.all([...first, last].map(({ posted }) => posted));
  };
  return { waiting, goOn };
}

test('a prompt whose run is given up while it waits for a connection is not sent any more', async () => {
  const silent = await startSilent();
  const { waiting, goOn } = await sendOneTooMany(silent);
  waiting.lose();
  expect((await waiting.posted).outcome).toMatchObject({ kind: 'unreachable', mayHaveArrived: false });
  await goOn();
  expect(silent.arrived).not.toContain('waiting');
});

test('a prompt that is cancelled while it waits for a connection is not sent any more', async () => {
  const silent = await startSilent();
  const { waiting, goOn } = await sendOneTooMany(silent);
  waiting.cancel();
  expect((await waiting.posted).outcome).toMatchObject({ kind: 'unreachable', mayHaveArrived: false });
  await goOn();
  expect(silent.arrived).not.toContain('waiting');
});

test('a prompt that was sent is not waited for once its run is lost', async () => {
  const silent = await startSilent();
  const { posted, lose } = send(silent, 'sent');
  await until('the prompt', () => silent.arrived.length === 1);
  lose();
  const { outcome, isOver } = await posted;
  expect(outcome).toMatchObject({ kind: 'unreachable', mayHaveArrived: true });
  expect(isOver()).toBe(false);
  silent.answerAll();
  await until('the answer', isOver);
});

test('a prompt that was sent is waited for a moment when it is cancelled, and no longer', async () => {
  const silent = await startSilent();
  const answered = send(silent, 'answered');
  const unanswered = send(silent, 'unanswered');
  await until('the prompts', () => silent.arrived.length === 2);
  answered.cancel();
  unanswered.cancel();
  expect((await unanswered.posted).outcome).toMatchObject({ kind: 'unreachable', mayHaveArrived: true });
  silent.answerAll();
  const later = send(silent, 'later');
  await until('the prompt', () => silent.arrived.includes('later'));
  later.cancel();
  silent.answerAll();
  expect((await later.posted).outcome).toMatchObject({ kind: 'queued' });
  await answered.posted;
});
