// A workflow in the editor's format → the graph, or 422001 with every reason and its place in the body. Called by
// save-version.ts and by the submit use case.
import { DEFAULT_LIMITS, type Problem, validationError } from '@comfleet/api';
import { convertWorkflow, type Graph, type JsonValue, type ObjectInfo } from '@comfleet/comfyui';

export interface ConvertedWorkflow {
  readonly graph: Graph;
  readonly warnings: readonly Problem[];
  /** The place in the body of what is at this place in the graph. */
  placeOf(loc: readonly (string | number)[]): (string | number)[];
}

interface Given {
  readonly workflow: JsonValue;
  readonly info: ObjectInfo;
  /** The body's field that holds it. */
  readonly field: 'workflow_json' | 'workflow_api_json';
  readonly now: Date;
  /** Chooses in `{a|b}`; left out: always the first. */
  readonly random?: () => number;
}

export function convertEditorWorkflow({ workflow, info, field, ...options }: Given): ConvertedWorkflow {
  const conversion = convertWorkflow(workflow, info, { ...options, maxNodes: DEFAULT_LIMITS.graphNodes });
  const inBody = (loc: readonly (string | number)[]) => ['body', field, ...loc];
  if (conversion.kind === 'refused') {
    throw validationError(conversion.problems.map((problem) => ({ ...problem, loc: inBody(problem.loc) })));
  }
  return {
    graph: conversion.graph,
    warnings: conversion.warnings.map((warning) => ({ ...warning, loc: inBody(warning.loc) })),
    placeOf: ([nodeId, ...rest]) =>
      inBody(nodeId === undefined ? [] : [...(conversion.places.get(String(nodeId)) ?? []), ...rest]),
  };
}
