// Sees on the lines to the instances when each prompt goes by: what the service sent before a cancel can be told from what
// it sent after it, also where the instance itself stood still.
import type { Sending } from './history.pure.ts';
import type { Line } from './line.ts';

/** Only a POST to /prompt has the two together. */
const PROMPT = /"prompt_id":"([0-9a-f-]{36})","client_id"/g;
const LONGEST_MATCH = 80;

/** Grows from now on. */
export function watchPrompts(lines: readonly Line[]): readonly Sending[] {
  const sendings: Sending[] = [];
  const makeEar = () => {
    let end = '';
    return (piece: Buffer) => {
      const text = end + piece.toString('latin1');
      let readTo = 0;
      for (const { 0: found, 1: promptId = '', index } of text.matchAll(PROMPT)) {
        sendings.push({ promptId, at: Date.now() });
        readTo = index + found.length;
      }
      end = text.slice(Math.max(readTo, text.length - LONGEST_MATCH));
    };
  };
  for (const line of lines) line.listen(makeEar);
  return sendings;
}
