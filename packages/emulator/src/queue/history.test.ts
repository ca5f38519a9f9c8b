import { expect, it } from 'vitest';
import { createHistory, MAX_ENTRIES } from './history.ts';

const entry = { outputs: {}, status: { status_str: 'success', completed: true, messages: [] }, meta: {} } as const;

it('holds one entry more than its limit, and drops the oldest', () => {
  const history = createHistory();
  for (let number = 0; number <= MAX_ENTRIES + 1; number += 1) {
    const item = {
      number,
      shownNumber: number,
      promptId: `p${number}`,
      prompt: {},
      extraData: {},
      outputs: [],
      behaviour: {},
    };
    history.put(item, { ...entry, status: { ...entry.status, messages: [] } });
  }
  const ids = Object.keys(JSON.parse(history.textOfRange({ maxItems: undefined, offset: -1 })));
  expect(ids).toHaveLength(MAX_ENTRIES + 1);
  expect(history.textOf('p0')).toBe('{}');
  expect(history.textOf('p1')).not.toBe('{}');
});
