// What one place lacks to run a graph: node types, models, and what else ComfyUI would refuse there, each with what to
// do about it. Called by preflight.ts.
import type { Finding, PreflightCheck } from '@comfleet/api';
import { findNodeInfo, type Graph, listInputs, listModels, type ObjectInfo, validateGraph } from '@comfleet/comfyui';

interface Place {
  readonly source: PreflightCheck['source'];
  readonly instanceId?: string;
  readonly info: ObjectInfo;
}

/** `versionInfo` is where the graph was made: it knows which pack a missing class comes from. */
export function checkPlace(graph: Graph, versionInfo: ObjectInfo, place: Place): PreflightCheck {
  const verdict = validateGraph(graph, place.info);
  const missingNodes = listMissingNodes(graph, versionInfo, place.info);
  const missingModels = listMissingModels(graph, versionInfo, place.info);
  const isTold = (loc: readonly (string | number)[]) =>
    missingModels.some((model) => model.node_id === loc[0] && model.input === loc[2]);
  const findings = verdict.problems
    .filter(({ loc, type }) => type !== 'unknown_node_type' && !isTold(loc))
    .map(({ loc, msg, type }): Finding => {
      return { severity: 'error', loc: ['version', 'workflow_api_json', ...loc], msg, type };
    });
  return {
    source: place.source,
    ...(place.instanceId === undefined ? {} : { instance_id: place.instanceId }),
    ok: verdict.problems.length === 0 && missingModels.length === 0,
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

// Each loader by itself: behind a missing class ComfyUI would not even look.
function listMissingModels(graph: Graph, versionInfo: ObjectInfo, info: ObjectInfo): PreflightCheck['missing_models'] {
  return Object.entries(graph).flatMap(([nodeId, node]) => {
    const nodeInfo = findNodeInfo(info, node.class_type);
    const specs = nodeInfo === undefined ? [] : listInputs(nodeInfo);
    return specs.flatMap(({ name, options }) => {
      const file = Object.hasOwn(node.inputs, name) ? node.inputs[name] : undefined;
      if (typeof file !== 'string' || options === undefined || options.includes(file)) return [];
      const [model] = listModels({ one: { class_type: node.class_type, inputs: { [name]: file } } }, versionInfo);
      return model === undefined ? [] : [describeModel({ nodeId, input: name, file }, model)];
    });
  });
}

function describeModel(
  { nodeId, input, file }: { nodeId: string; input: string; file: string },
  model: string,
): PreflightCheck['missing_models'][number] {
  const folder = model.slice(0, model.length - file.length - 1);
  // `models` stands for: nobody knows which.
  const where = folder === 'models' ? 'models folder' : `models/${folder} folder`;
  return {
    node_id: nodeId,
    input,
    file,
    ...(folder === 'models' ? {} : { folder }),
    remedy: `Put ${file} into ComfyUI's ${where} there, or override input ${input} of node ${nodeId} with a file it has.`,
  };
}
