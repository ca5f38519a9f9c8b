// The coloured frames that a file draws around nodes, and which nodes they hold. Called by use-everywhere.ts.

import type { JsonValue } from '../json.ts';
import type { EditorGraph, EditorNode } from './graph-model.ts';
import { listOf, numberOf, objectOf, own, textOf } from './raw-values.ts';

export interface NodeGroup {
  readonly title: string;
  readonly members: ReadonlySet<string>;
}

/** More frames than anybody draws; beyond them none is looked at. */
const MAX_GROUPS = 500;
const TITLE_HEIGHT = 30;

export function listGroups(graph: EditorGraph): NodeGroup[] {
  const centres = graph.nodes.flatMap((node) => {
    const centre = centreOf(node);
    return centre === undefined ? [] : [{ id: node.id, ...centre }];
  });
  return graph.raw.groups.slice(0, MAX_GROUPS).map((group) => {
    const [left = 0, top = 0, width = 0, height = 0] = numbersOf(own(objectOf(group), 'bounding'));
    const isInside = ({ x, y }: { x: number; y: number }) =>
      x >= left && y >= top && x < left + width && y < top + height;
    return {
      title: textOf(own(objectOf(group), 'title')) ?? '',
      members: new Set(centres.filter(isInside).map(({ id }) => id)),
    };
  });
}

export function groupMembers(groups: readonly NodeGroup[]): ReadonlySet<string> {
  return new Set(groups.flatMap(({ members }) => [...members]));
}

/** A node belongs to the frame that holds its middle, its title bar included. */
function centreOf({ raw }: EditorNode): { x: number; y: number } | undefined {
  const [left, top] = numbersOf(own(raw.json, 'pos'));
  const [width = 0, height = 0] = numbersOf(own(raw.json, 'size'));
  if (left === undefined || top === undefined) return undefined;
  return { x: left + width / 2, y: top + (height - TITLE_HEIGHT) / 2 };
}

/** A list, or an object of "0", "1", …, as older files have it. */
function numbersOf(value: JsonValue | undefined): number[] {
  const list = Array.isArray(value) ? value : Object.values(objectOf(value));
  return listOf(list).flatMap((entry) => numberOf(entry) ?? []);
}
