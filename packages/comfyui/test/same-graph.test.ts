// The comparison that the conversion tests rely on: sound (what differs is told apart) and complete (a renaming is found).

import { describe, expect, it } from 'vitest';
import { sameGraph } from './same-graph.ts';

type AnyGraph = Parameters<typeof sameGraph>[0];

const node = (inputs: Record<string, unknown> = {}, class_type = 'A') => ({ class_type, inputs });
const chain: AnyGraph = { '1': node(), '2': node({ x: ['1', 0] }), '3': node({ x: ['2', 0] }) };

describe('two graphs', () => {
  it.each<[string, AnyGraph, AnyGraph]>([
    ['renamed', chain, { c: node({ x: ['b', 0] }), a: node(), b: node({ x: ['a', 0] }) }],
    ['twins that only their users tell apart', twins('1', '2'), twins('9', '8')],
    ['with inputs in another order', { '1': node({ a: 1, b: 2 }) }, { '2': node({ b: 2, a: 1 }) }],
  ])('are the same: %s', (_, ours, theirs) => {
    expect(sameGraph(ours, theirs)).toBeUndefined();
  });

  it.each<[string, AnyGraph, AnyGraph]>([
    ['another value', { '1': node({ a: 1 }) }, { '1': node({ a: 2 }) }],
    ['another slot', chain, { ...chain, '3': node({ x: ['2', 1] }) }],
    ['another source', chain, { ...chain, '3': node({ x: ['1', 0] }) }],
    ['an input more', chain, { ...chain, '3': node({ x: ['2', 0], y: 1 }) }],
    ['a node more', chain, { ...chain, '4': node() }],
    ['another class', chain, { ...chain, '1': node({}, 'B') }],
    ['a list for a link', { '1': node({ x: [1, 2] }) }, { '1': node({ x: [2, 1] }) }],
    [
      'two circles for one',
      circle(['1', '2', '3', '4', '5', '6']),
      { ...circle(['1', '2', '3']), ...circle(['4', '5', '6']) },
    ],
  ])('are told apart: %s', (_, ours, theirs) => {
    expect(sameGraph(ours, theirs)).toBeTypeOf('string');
  });
});

function twins(first: string, second: string): AnyGraph {
  return {
    [first]: node(),
    [second]: node(),
    x: node({ from: [first, 0], seed: 1 }),
    y: node({ from: [second, 0], seed: 2 }),
  };
}

function circle(ids: string[]): AnyGraph {
  return Object.fromEntries(ids.map((id, index) => [id, node({ x: [ids.at(index - 1) ?? '', 0] })]));
}
