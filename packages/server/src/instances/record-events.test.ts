import { expect, it } from 'vitest';
import { withoutAddresses } from './record-events.ts';

it.each([
  ['connect ECONNREFUSED 10.0.0.5:8188', 'connect ECONNREFUSED its address'],
  ['no answer from http://gpu-1.internal:8188/prompt, twice', 'no answer from its address, twice'],
  ['connect EHOSTUNREACH [fd00::1]:8188', 'connect EHOSTUNREACH its address'],
  ['connect ECONNREFUSED fd00::12:8188', 'connect ECONNREFUSED its address'],
  ['connect ECONNREFUSED ::1:8188', 'connect ECONNREFUSED its address'],
  ['the instance closed its websocket (code 1006)', 'the instance closed its websocket (code 1006)'],
  ['nothing was heard from the instance for 30 s', 'nothing was heard from the instance for 30 s'],
  [undefined, 'nobody knows why'],
])('%j is told as %j', (reason, told) => {
  expect(withoutAddresses(reason)).toBe(told);
});
