// Lays a node's stored values over its widgets, by position, as the editor restores them. Called by node-model.ts.

import { isJsonObject, type JsonValue, LosslessNumber } from '../json.ts';
import { readInput } from '../object-info.ts';
import type { ClassSpec } from './class-spec.ts';
import { objectOf, own } from './raw-values.ts';
import { choiceKey, isWidget, makeWidgets, type WidgetSpec } from './widget-spec.ts';

export interface Widget {
  readonly spec: WidgetSpec;
  readonly name: string;
  value: JsonValue;
}

/** The widgets of a node with the values of its file; a dynamic combo brings the widgets of its choice with it. */
export function placeValues(spec: ClassSpec, stored: JsonValue | undefined): Widget[] {
  if (isJsonObject(stored)) return placeNamed(spec, stored);
  const values = Array.isArray(stored) ? alignValues(spec, stored) : [];
  const widgets: Widget[] = [];
  const pending = [...spec.widgets].reverse();
  let position = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const value = next.isStored ? values[position] : undefined;
    if (next.isStored) position += 1;
    const widget = makeWidget(next, value);
    widgets.push(widget);
    if (next.choices !== undefined) pending.push(...listChosen(next, widget.value).reverse());
  }
  return widgets;
}

/** Some packs store their values by name. */
function placeNamed(spec: ClassSpec, stored: { [key: string]: JsonValue }): Widget[] {
  const isNamed = spec.widgets.some(({ name }) => Object.hasOwn(stored, name));
  if (!isNamed) return placeValues(spec, Object.values(stored));
  return spec.widgets.map((widget) => makeWidget(widget, own(stored, widget.name)));
}

export function makeWidget(spec: WidgetSpec, value: JsonValue | undefined): Widget {
  return { spec, name: spec.name, value: settle(spec, value) };
}

/** A null means that nothing was chosen: the editor takes the first choice. */
function settle(spec: WidgetSpec, value: JsonValue | undefined): JsonValue {
  if (value === undefined) return spec.initial;
  if (spec.isTextBox && !isJsonObject(value)) return boxText(value);
  return value === null ? (spec.firstChoice ?? null) : value;
}

function boxText(value: JsonValue): string {
  if (Array.isArray(value)) return value.map(boxText).join(',');
  if (value === null) return '';
  return value instanceof LosslessNumber ? value.text : String(value);
}

/** Leaves out the values of inputs that are only sockets by now, when the length tells which these are. */
function alignValues(spec: ClassSpec, values: readonly JsonValue[]): readonly JsonValue[] {
  const { forced, widgets } = spec;
  const storedCount = widgets.filter(({ isStored }) => isStored).length;
  if (!forced.includes(true) && values.length === storedCount) return values;
  const compacted = values.filter((_, index) => widgets[index]?.isStored !== false);
  const aligned = [compacted, values].find(({ length }) => length === forced.length);
  return aligned === undefined ? values : aligned.filter((_, index) => forced[index] !== true);
}

function listChosen(combo: WidgetSpec, key: JsonValue): WidgetSpec[] {
  const choice = combo.choices?.find((candidate) => choiceKey(candidate) === key);
  const inputs = isJsonObject(choice) ? objectOf(choice['inputs']) : {};
  return (['required', 'optional'] as const).flatMap((category) =>
    Object.entries(objectOf(inputs[category])).flatMap(([name, entry]) => {
      const input = readInput(`${combo.name}.${name}`, category, entry);
      return isWidget(input) ? makeWidgets(input, { isFileName: false }) : [];
    }),
  );
}
