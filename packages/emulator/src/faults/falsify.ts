// The outputs that a lying server puts into history. Called by runner.ts.
import { randomUUID } from 'node:crypto';
import type { UiOutput } from '../execution/protocol.ts';
import type { Lie } from './faults.ts';

export function falsify(outputs: Record<string, UiOutput>, lie: Lie | undefined): Record<string, UiOutput> {
  if (lie === 'noOutputs') return {};
  if (lie !== 'missingFiles') return outputs;
  return mapValues(outputs, (ui) => mapValues(ui, (items) => items.map(renameFile)));
}

function renameFile(item: unknown): unknown {
  const isFile = typeof item === 'object' && item !== null && 'filename' in item;
  return isFile ? { ...item, filename: `missing_${randomUUID()}.png` } : item;
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
