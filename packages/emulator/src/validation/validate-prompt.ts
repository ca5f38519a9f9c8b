// ComfyUI 0.3.64's verdict on a prompt (execution.py:validate_prompt): which output nodes may run, or the error body.
// Called by POST /prompt. Coerced constants are written into the prompt, as ComfyUI does.
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { LosslessNumber } from '@comfleet/comfyui';
import { PythonError } from '../python/errors.ts';
import { str, typeName } from '../python/text.pure.ts';
import { exceptionDuringValidation, type PromptError, promptError } from './errors.pure.ts';
import { type NodeClass, type Validation, type Verdict, validateNode } from './validate-node.ts';

export interface NodeErrors {
  [nodeId: string]: { errors: PromptError[]; dependent_outputs: string[]; class_type: JsonValue };
}

export type PromptVerdict =
  | { kind: 'accepted'; outputs: string[]; nodeErrors: NodeErrors }
  | { kind: 'refused'; error: PromptError; nodeErrors: NodeErrors };

export interface ValidateDeps {
  findClass(classType: string): NodeClass | undefined;
}

/** Throws PythonError where ComfyUI's own code fails, which it answers with 500. */
export async function validatePrompt(
  { findClass }: ValidateDeps,
  prompt: JsonValue,
  targets?: JsonValue,
): Promise<PromptVerdict> {
  const nodes = asNodes(prompt);
  const outputs: string[] = [];
  for (const [nodeId, node] of Object.entries(nodes)) {
    const found = findNodeClass(findClass, { nodeId, node });
    if ('error' in found) return { kind: 'refused', error: found.error, nodeErrors: {} };
    if (found.nodeClass.spec.isOutput && isTarget(targets, nodeId)) outputs.push(nodeId);
  }
  if (outputs.length === 0) {
    return { kind: 'refused', error: promptError('prompt_no_outputs', 'Prompt has no outputs'), nodeErrors: {} };
  }
  return validateOutputs({ prompt: nodes, findClass, validated: new Map(), open: new Set() }, outputs);
}

function asNodes(prompt: JsonValue): Record<string, JsonObject> {
  if (typeof prompt === 'object' && prompt !== null && !(prompt instanceof LosslessNumber) && !Array.isArray(prompt)) {
    // The nodes themselves are looked at one by one in findNodeClass.
    return prompt as Record<string, JsonObject>;
  }
  // An empty list or string is a loop over nothing in python; any other is indexed by its own items and fails.
  if ((Array.isArray(prompt) || typeof prompt === 'string') && prompt.length === 0) return {};
  throw new PythonError('TypeError', `'${typeName(prompt)}' object is not a mapping of nodes`);
}

interface NodeLookup {
  nodeId: string;
  node: JsonValue;
}

function findNodeClass(
  findClass: ValidateDeps['findClass'],
  { nodeId, node }: NodeLookup,
): { nodeClass: NodeClass } | { error: PromptError } {
  const details = `Node ID '#${nodeId}'`;
  const classType = readClassType(node);
  if (classType === undefined) {
    const message = 'Cannot execute because a node is missing the class_type property.';
    return { error: promptError('invalid_prompt', message, details) };
  }
  const nodeClass = typeof classType === 'string' ? findClass(classType) : undefined;
  if (nodeClass) return { nodeClass };
  const message = `Cannot execute because node ${str(classType)} does not exist.`;
  return { error: promptError('invalid_prompt', message, details) };
}

function readClassType(node: JsonValue): JsonValue | undefined {
  // `'class_type' in node` works on strings and lists, and fails on null and numbers.
  if (typeof node === 'string' || Array.isArray(node)) {
    if (node.includes('class_type')) throw new PythonError('TypeError', 'indices must be integers');
    return undefined;
  }
  if (typeof node !== 'object' || node === null || node instanceof LosslessNumber) {
    throw new PythonError('TypeError', `argument of type '${typeName(node)}' is not iterable`);
  }
  const classType = Object.hasOwn(node, 'class_type') ? node['class_type'] : undefined;
  const type = typeName(classType);
  if (type === 'list' || type === 'dict') throw new PythonError('TypeError', `unhashable type: '${type}'`);
  return classType;
}

function isTarget(targets: JsonValue | undefined, nodeId: string): boolean {
  if (targets === undefined || targets === null) return true;
  if (typeof targets === 'string' || Array.isArray(targets)) return targets.includes(nodeId);
  throw new PythonError('TypeError', `argument of type '${typeName(targets)}' is not iterable`);
}

async function validateOutputs(validation: Validation, outputs: string[]): Promise<PromptVerdict> {
  const good: string[] = [];
  const lines: string[] = [];
  const nodeErrors: NodeErrors = {};
  for (const outputId of outputs) {
    const verdict = await validateOutput(validation, outputId);
    if (verdict.isValid) {
      good.push(outputId);
      continue;
    }
    lines.push(...verdict.errors.map((error) => `${error.message}: ${error.details}`));
    blame(validation, outputId, nodeErrors);
  }
  if (good.length > 0) return { kind: 'accepted', outputs: good, nodeErrors };
  const message = 'Prompt outputs failed validation';
  return {
    kind: 'refused',
    error: promptError('prompt_outputs_failed_validation', message, lines.join('\n')),
    nodeErrors,
  };
}

async function validateOutput(validation: Validation, outputId: string): Promise<Verdict> {
  try {
    return await validateNode(validation, outputId);
  } catch (error) {
    if (!(error instanceof PythonError)) throw error;
    const verdict: Verdict = { isValid: false, errors: [exceptionDuringValidation(error)] };
    validation.validated.set(outputId, verdict);
    return verdict;
  }
}

// Every faulty node found so far is blamed for this output, whether or not the output depends on it: ComfyUI loops over
// its whole memo table.
function blame(validation: Validation, outputId: string, nodeErrors: NodeErrors): void {
  for (const [nodeId, verdict] of validation.validated) {
    if (verdict.isValid || verdict.errors.length === 0) continue;
    nodeErrors[nodeId] ??= {
      errors: verdict.errors,
      dependent_outputs: [],
      class_type: validation.prompt[nodeId]?.['class_type'] ?? null,
    };
    nodeErrors[nodeId].dependent_outputs.push(outputId);
  }
}
