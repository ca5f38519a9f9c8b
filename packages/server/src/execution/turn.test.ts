// Whose prompt may be on an instance, and which of two there is the one that runs.
import { expect, it } from 'vitest';
import { createTurn } from './turn.ts';

const forever = new AbortController().signal;

it('is held by one at a time, first come, first served', async () => {
  const turn = createTurn(1);
  const order: string[] = [];
  const first = await turn.take(forever);
  const second = turn.take(forever).then((place) => {
    order.push('second');
    return place;
  });
  const third = turn.take(forever).then((place) => {
    order.push('third');
    return place;
  });
  expect(turn.busy).toBe(1);
  first?.release();
  (await second)?.release();
  await third;
  expect(order).toEqual(['second', 'third']);
});

it('is given back once, however often that is said', async () => {
  const turn = createTurn(1);
  const first = await turn.take(forever);
  await Promise.all([turn.take(forever), first?.release(), first?.release()]);
  expect(turn.busy).toBe(1);
});

it('goes to nobody whose signal came first', async () => {
  const turn = createTurn(1);
  const first = await turn.take(forever);
  const leaving = new AbortController();
  const left = turn.take(leaving.signal);
  leaving.abort();
  expect(await left).toBeUndefined();
  expect(await turn.take(leaving.signal)).toBeUndefined();
  first?.release();
  expect(turn.busy).toBe(0);
});

it('tells the second of two that it is at the front once the first is over', async () => {
  const turn = createTurn(2);
  const [first, second] = [await turn.take(forever), await turn.take(forever)];
  const told: string[] = [];
  first?.onFront(() => told.push('first'));
  second?.onFront(() => told.push('second'));
  expect(told).toEqual(['first']);
  first?.release();
  expect(told).toEqual(['first', 'second']);
  second?.onFront(() => told.push('again'));
  expect(told).toEqual(['first', 'second', 'again']);
});

it('never tells one that left before it was at the front', async () => {
  const turn = createTurn(3);
  const [first, second, third] = [turn.force(), turn.force(), turn.force()];
  const told: string[] = [];
  second.onFront(() => told.push('second'));
  third.onFront(() => told.push('third'));
  second.release();
  expect(told).toEqual([]);
  first.release();
  expect(told).toEqual(['third']);
});

it('lets more in when it grows deeper, and none when it shrinks, until enough have left', async () => {
  const turn = createTurn(1);
  const first = await turn.take(forever);
  const second = turn.take(forever);
  turn.setDepth(2);
  const held = await second;
  turn.setDepth(1);
  const third = turn.take(forever);
  first?.release();
  expect(turn.busy).toBe(1);
  held?.release();
  await third;
  expect(turn.busy).toBe(1);
});

it('who takes it alone waits until nobody is there, and lets nobody in, nor past', async () => {
  const turn = createTurn(3);
  const [first, second] = [await turn.take(forever), await turn.take(forever)];
  const order: string[] = [];
  const enter = async (name: string, isAlone: boolean) => {
    const place = await turn.take(forever, isAlone);
    order.push(name);
    return place;
  };
  const alone = enter('alone', true);
  const [third, fourth] = [enter('third', false), enter('fourth', false)];
  first?.release();
  expect(turn.busy).toBe(1);
  second?.release();
  const place = await alone;
  expect(turn.busy).toBe(1);
  place?.release();
  await Promise.all([third, fourth]);
  expect(order).toEqual(['alone', 'third', 'fourth']);
  expect(turn.busy).toBe(2);
});

it('who would have taken it alone and left holds up nobody', async () => {
  const turn = createTurn(2);
  await turn.take(forever);
  const leaving = new AbortController();
  const alone = turn.take(leaving.signal, true);
  const next = turn.take(forever);
  leaving.abort();
  expect(await alone).toBeUndefined();
  await next;
  expect(turn.busy).toBe(2);
});
