// The CustomCombo node: its choices are widgets that grow as they are filled in, and it sends along which one is chosen.
// Called by node-model.ts and emit.ts.

import type { JsonObject, JsonValue } from '../json.ts';
import { listOf } from './raw-values.ts';
import type { RawNode } from './read-file.ts';
import { makeExtra } from './widget-spec.ts';
import { makeWidget, type Widget } from './widget-values.ts';

const INDEX = 'index';
const FIRST_OPTION = 2;

export function isCustomCombo({ type }: RawNode): boolean {
  return type === 'CustomCombo';
}

/** Stored: the choice, its index, then the options; after the last one that is filled in stands an empty one. */
export function optionWidgets(raw: RawNode): Widget[] {
  const options = listOf(raw.values).slice(FIRST_OPTION);
  const end = options.findIndex((option) => !option);
  const filled = end === -1 ? options : options.slice(0, end);
  return [sent(INDEX, -1), ...[...filled, ''].map((option, index) => sent(`option${index + 1}`, option))];
}

function sent(name: string, value: JsonValue): Widget {
  return makeWidget({ ...makeExtra(name, { initial: '', slotType: undefined }), isSent: true }, value);
}

/** The index of what is chosen in the end, be it by a value from outside the subgraph. */
export function setChosenIndex(inputs: JsonObject, widgets: readonly Widget[]) {
  const [choice, ...rest] = widgets;
  if (choice === undefined) return;
  const given = inputs[choice.name];
  const chosen = Array.isArray(given) ? choice.value : given;
  const options = rest.filter(({ name }) => name.startsWith('option'));
  inputs[INDEX] = options.findIndex(({ value }) => value === chosen);
}
