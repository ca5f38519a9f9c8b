import { ComfyError } from '@comfleet/comfyui';
import { expect, test } from 'vitest';
import { until } from '../../testing/until.ts';
import { whileItAnswers } from './while-it-answers.ts';

const TIMES = { silenceMs: 20, unreachableMs: 60 };

/** Asked what it holds, an instance says so, or nothing. */
function createClient(answer: () => Promise<number>) {
  let asked = 0;
  const promptCount = () => {
    asked += 1;
    return answer();
  };
  return { client: { promptCount }, asked: () => asked };
}

test('work with an instance that answers is waited for', async () => {
  const { client, asked } = createClient(async () => 0);
  const work = until('it was asked often', () => asked() > 5 && 'done');
  expect(await whileItAnswers(client, TIMES, work)).toBe('done');
});

test('an instance at whose address nothing listens does not stand still', async () => {
  const { client, asked } = createClient(() => Promise.reject(new ComfyError('refused', 'refused')));
  const work = until('it was asked often', () => asked() > 5 && 'done');
  expect(await whileItAnswers(client, TIMES, work)).toBe('done');
});

test('work with an instance that leaves a question unanswered for too long is not waited for', async () => {
  const silent = createClient(() => new Promise(() => undefined));
  expect(await whileItAnswers(silent.client, TIMES, new Promise(() => undefined))).toBe('silent');
  const late = createClient(async () => {
    await new Promise((resolve) => setTimeout(resolve, 25));
    throw new ComfyError('timeout', 'no connection in time');
  });
  expect(await whileItAnswers(late.client, TIMES, new Promise(() => undefined))).toBe('silent');
  expect(late.asked()).toBeGreaterThan(1);
});

test('work that is done at once asks nobody, and what fails fails', async () => {
  const { client, asked } = createClient(async () => 0);
  expect(await whileItAnswers(client, TIMES, Promise.resolve(1))).toBe(1);
  await expect(whileItAnswers(client, TIMES, Promise.reject(new Error('no room')))).rejects.toThrow('no room');
  expect(asked()).toBe(0);
});
