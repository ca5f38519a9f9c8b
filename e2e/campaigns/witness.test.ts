import { expect, it } from 'vitest';
import type { Ear, Line } from './line.ts';
import { watchPrompts } from './witness.ts';

const ONE = '01a212f2-cb75-75c1-9634-346f0ff71c87';
const TWO = '01a212f2-4563-77ae-b9f0-18217a3d5760';
const post = (promptId: string) => `{"prompt":{},"prompt_id":"${promptId}","client_id":"c"}`;

it('the witness sees each prompt once, in whatever pieces it comes, and takes no interrupt for one', () => {
  const makers: (() => Ear)[] = [];
  const line = { listen: (makeEar: () => Ear) => void makers.push(makeEar) } as Partial<Line> as Line;
  const sendings = watchPrompts([line]);
  const [near, far] = [makers[0]?.(), makers[0]?.()];
  const hear = (ear: Ear | undefined, text: string) => ear?.(Buffer.from(text));
  hear(near, post(ONE).slice(0, 40));
  hear(far, `{"prompt_id":"${ONE}"}`);
  expect(sendings).toEqual([]);
  hear(near, post(ONE).slice(40));
  hear(near, 'POST /queue');
  hear(near, post(TWO));
  expect(sendings.map(({ promptId }) => promptId)).toEqual([ONE, TWO]);
});
