// Converts a workflow of ComfyUI's editor (nodes, links, subgraphs) into the API format, as the editor's own export does.
// A total function: whatever it is given, it answers with a graph or with every reason why not. Called by whoever takes
// workflows in.

import type { Graph } from '../graph/parse.ts';
import type { Problem } from '../graph/problem.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import type { ObjectInfo } from '../object-info.ts';
import { buildGraphs } from './build-graphs.ts';
import { emitGraph } from './emit.ts';
import { createFillIn } from './file-name-text.ts';
import { unpackGroupNodes } from './group-nodes.ts';
import { applyPrimitives } from './primitives.ts';
import { readFile } from './read-file.ts';
import { createReport, type Place, refuse } from './report.ts';
import { linkBroadcasts } from './use-everywhere.ts';

export interface ConvertOptions {
  /** Chooses in `{a|b}` of a prompt, a number in [0, 1). Without it the first one is taken, so that the same file gives the same graph. */
  readonly random?: () => number;
  /** The time for `%date:…%` in file names, which stays as it is without one. */
  readonly now?: Date;
  readonly maxNodes?: number;
}

export type Conversion =
  | {
      readonly kind: 'ok';
      readonly graph: Graph;
      readonly warnings: readonly Problem[];
      /** Where each node of the graph stands in the file. */
      readonly places: ReadonlyMap<string, Place>;
    }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

/** Enough for any workflow; keeps nested subgraphs from multiplying without end. */
const MAX_NODES = 20_000;
/** Reroutes, notes, muted nodes: they are in the file and not in the graph. */
const UNSENT_SHARE = 4;

function isApiFormat(workflow: JsonValue): boolean {
  return isJsonObject(workflow) && Object.values(workflow).some((node) => isJsonObject(node) && 'class_type' in node);
}

/** `loc` of problems and warnings is relative to the workflow. */
export function convertWorkflow(workflow: JsonValue, info: ObjectInfo, options: ConvertOptions = {}): Conversion {
  const report = createReport();
  if (!isJsonObject(workflow) || !Array.isArray(workflow['nodes'])) {
    const what = 'A workflow of ComfyUI\'s editor is an object with a list "nodes".';
    const hint = isApiFormat(workflow) ? ' This one is in the API format: send it as workflow_api_json.' : '';
    refuse(report, [], 'invalid_workflow', `${what}${hint}`);
    return { kind: 'refused', problems: report.problems };
  }
  const maxNodes = options.maxNodes ?? MAX_NODES;
  const read = readFile(workflow, report);
  const listed = [read.root, ...read.definitions.values()].reduce((sum, { nodes }) => sum + nodes.length, 0);
  if (listed > maxNodes * UNSENT_SHARE) {
    refuse(report, ['nodes'], 'too_many_nodes', `The workflow lists ${listed} nodes; ${maxNodes} can run.`);
    return { kind: 'refused', problems: report.problems };
  }
  const file = unpackGroupNodes(read, info, report);
  const model = buildGraphs(file, info, report);
  if (model === undefined) return { kind: 'refused', problems: report.problems };
  linkBroadcasts(model.graphs, report);
  const fillIn = createFillIn(model.root, options.now);
  applyPrimitives(model.graphs, { report, fillIn });
  const { graph, places } = emitGraph(model.root, {
    report,
    fillIn,
    random: options.random ?? (() => 0),
    maxNodes,
  });
  if (report.problems.length > 0) return { kind: 'refused', problems: report.problems };
  return { kind: 'ok', graph, places, warnings: report.warnings };
}
