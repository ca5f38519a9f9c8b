// The converter against what ComfyUI's own editor made of the same files: the cases of fixtures/editor-workflows.json
// and broadcast-workflows.json, and the recorded official workflows where they are at hand.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  convertWorkflow,
  type JsonObject,
  type JsonValue,
  type ObjectInfo,
  parseJson,
  stringifyJson,
} from '../src/index.ts';
import { readFixtureInfo, readFixtureText } from '../testing/fixture-info.ts';
import { sameGraph } from './same-graph.ts';

type AnyGraph = Parameters<typeof sameGraph>[0];

interface Pair {
  name: string;
  workflow: JsonValue;
  api: AnyGraph;
  same_in_1_27_10?: boolean;
}

/** Undefined when the conversion gives the editor's graph. */
function compare({ workflow, api }: Pair, info: ObjectInfo): string | undefined {
  const conversion = convertWorkflow(workflow, info);
  if (conversion.kind === 'refused') return JSON.stringify(conversion.problems);
  return sameGraph(toPlain(conversion.graph), api);
}

function toPlain(graph: unknown): AnyGraph {
  return JSON.parse(stringifyJson(graph as JsonValue));
}

describe('a case made by hand', () => {
  const info = readFixtureInfo();
  const pairs = ['editor-workflows.json', 'broadcast-workflows.json'].flatMap(
    (name) => JSON.parse(readFixtureText(name)) as Pair[],
  );

  it.each(pairs.map((pair) => [pair.name, pair] as const))('is converted as the editor does: %s', (_, pair) => {
    expect(compare(pair, info)).toBeUndefined();
  });
});

const recorded = new URL('../../../../shared/samples/', import.meta.url);

describe.runIf(existsSync(new URL('conversions.jsonl', recorded)))('the recorded workflows', () => {
  const read = (name: string) => readFileSync(new URL(name, recorded), 'utf8');

  // A null that an instance stores for a promoted widget: the editor sends null, we keep the value inside.
  const KEPT_VALUES = ['canny_to_image_z_image_turbo', 'image_upscale_z_image_turbo', 'pose_to_image_z_image_turbo'];

  it('are converted as the editor does', () => {
    const info = {
      ...(parseJson(read('object_info.core.json')) as JsonObject),
      ...(parseJson(read('object_info.conversions_extra.json')) as JsonObject),
    } as unknown as ObjectInfo;
    const pairs = read('conversions.jsonl')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Pair);
    const different = pairs.filter((pair) => compare(pair, info) !== undefined).map(({ name }) => name);
    expect(different.sort()).toEqual(KEPT_VALUES);
  });
});
