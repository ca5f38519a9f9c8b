// The node map of a progress_state frame: which nodes run or are finished, and how far. Read only when somebody looks.
import { readId, readNumber, readObject, readString } from './fields.ts';
import { isJsonObject, type JsonValue } from './json.ts';

export interface NodeProgress {
  nodeId: string;
  /** The node of the submitted graph, when this one was made by expansion. */
  displayNodeId: string;
  value: number;
  max: number;
  state: 'running' | 'finished' | 'error' | 'pending' | 'unknown';
}

const STATES = ['running', 'finished', 'error', 'pending'] as const;

export function readNodeProgress(data: JsonValue | undefined): NodeProgress[] | undefined {
  const nodes = readObject(data, 'nodes');
  if (!nodes) return undefined;
  return Object.entries(nodes).flatMap(([nodeId, node]) => {
    if (!isJsonObject(node)) return [];
    const stated = readString(node, 'state');
    const state = STATES.find((known) => known === stated) ?? 'unknown';
    const displayNodeId = readId(node, 'display_node_id') ?? nodeId;
    return [{ nodeId, displayNodeId, value: readNumber(node, 'value') ?? 0, max: readNumber(node, 'max') ?? 0, state }];
  });
}
