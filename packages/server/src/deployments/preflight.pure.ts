// What one place lacks to run a graph: node types, models, and what else ComfyUI would refuse there, each with what to
// do about it. Called by preflight.ts.
import type { Finding, PreflightCheck } from '@comfleet/api';
import { findNodeInfo, type Graph, listModels, type ObjectInfo, validateGraph } from '@comfleet/comfyui';

interface Place {
  readonly source: PreflightCheck['source'];
  readonly instanceId?: string;
  readonly info: ObjectInfo;
}

/** `versionInfo` is where the graph was made: it knows which pack a missing class comes from. */
export function checkPlace(graph: Graph, versionInfo: ObjectInfo, place: Place): PreflightCheck {
  const verdict = validateGraph(graph, place.info);
  const missingNodes = listMissingNodes(graph, versionInfo, place.info);
  const missingModels: PreflightCheck['missing_models'] = [];
  const findings: Finding[] = [];
  for (const { loc, msg, type, input } of verdict.problems) {
    if (type === 'unknown_node_type') continue;
    const model = type === 'value_not_in_list' ? readModel(graph, versionInfo, { loc, input }) : undefined;
    if (model === undefined) {
      findings.push({ severity: 'error', loc: ['version', 'workflow_api_json', ...loc], msg, type });
    } else missingModels.push(model);
  }
  return {
    source: place.source,
    ...(place.instanceId === undefined ? {} : { instance_id: place.instanceId }),
    ok: verdict.problems.length === 0,
    missing_nodes: missingNodes,
    missing_models: missingModels,
    findings,
  };
}

function listMissingNodes(graph: Graph, versionInfo: ObjectInfo, info: ObjectInfo): PreflightCheck['missing_nodes'] {
  const nodesOf = new Map<string, string[]>();
  for (const [nodeId, { class_type: classType }] of Object.entries(graph)) {
    if (findNodeInfo(info, classType) !== undefined) continue;
    const known = nodesOf.get(classType);
    if (known === undefined) nodesOf.set(classType, [nodeId]);
    else known.push(nodeId);
  }
  return [...nodesOf].map(([classType, nodeIds]) => ({
    class_type: classType,
    node_ids: nodeIds,
    remedy: describeRemedy(classType, findNodeInfo(versionInfo, classType)?.python_module),
  }));
}

function describeRemedy(classType: string, module: string | undefined): string {
  const pack = /^custom_nodes\.([^.]+)/.exec(module ?? '')?.[1];
  if (pack !== undefined) return `Install the custom node pack "${pack}" there and restart ComfyUI.`;
  if (module !== undefined)
    return `${classType} is one of ComfyUI's own nodes: update ComfyUI there to the version the graph was made with.`;
  return `Nobody here knows where ${classType} comes from: install its custom node pack there (ComfyUI-Manager finds it by the class name) and restart ComfyUI.`;
}

function readModel(
  graph: Graph,
  versionInfo: ObjectInfo,
  { loc, input: value }: { loc: readonly (string | number)[]; input: unknown },
): PreflightCheck['missing_models'][number] | undefined {
  const [nodeId, , input] = loc.map(String);
  const classType = nodeId !== undefined && Object.hasOwn(graph, nodeId) ? graph[nodeId]?.class_type : undefined;
  if (nodeId === undefined || input === undefined || classType === undefined || typeof value !== 'string')
    return undefined;
  const [model] = listModels({ one: { class_type: classType, inputs: { [input]: value } } }, versionInfo);
  if (model === undefined) return undefined;
  const folder = model.slice(0, model.length - value.length - 1);
  // `models` stands for: nobody knows which.
  const where = folder === 'models' ? 'models folder' : `models/${folder} folder`;
  return {
    node_id: nodeId,
    input,
    file: value,
    ...(folder === 'models' ? {} : { folder }),
    remedy: `Put ${value} into ComfyUI's ${where} there, or override input ${input} of node ${nodeId} with a file it has.`,
  };
}
