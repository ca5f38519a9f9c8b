// A submit's named parameters → overrides of the inputs they stand for, applied after the caller's own; and problems
// found there → words that speak of the name. Called by payload.ts.
import type { Problem } from '@comfleet/api';
import { inputKey, isJsonObject, type JsonObject, type JsonValue, nearestNames } from '@comfleet/comfyui';
import type { NamedParameter } from '../workflows/parameters.pure.ts';

export interface NamedValues {
  readonly overrides: JsonValue;
  /** inputKey → the name that a value was given under. */
  readonly names: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** A null counts as left out. */
export function applyNamedValues(parameters: ReadonlyMap<string, NamedParameter>, body: JsonObject): NamedValues {
  const overrides = body['overrides'] ?? {};
  const given = body['parameters'];
  if (!isJsonObject(given)) return { overrides, names: NO_NAMES, problems: [] };
  const names = new Map<string, string>();
  const problems: Problem[] = [];
  const merged: JsonObject = isJsonObject(overrides) ? { ...overrides } : {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    const parameter = parameters.get(name);
    if (parameter === undefined)
      problems.push(describeUnknown(name, problems.length < MOST_HINTS ? parameters : undefined));
    else {
      names.set(inputKey(parameter.node, parameter.input), name);
      merged[parameter.node] = withInput(merged[parameter.node], parameter.input, value);
    }
  }
  return { overrides: merged, names, problems };
}

function withInput(node: JsonValue | undefined, input: string, value: JsonValue): JsonValue {
  const own = isJsonObject(node) ? node : {};
  const inputs = isJsonObject(own['inputs']) ? own['inputs'] : {};
  return { ...own, inputs: { ...inputs, [input]: value } };
}

/** Names like a wrong one are looked for so often: a body may have thousands. */
const MOST_HINTS = 20;

function describeUnknown(name: string, parameters: ReadonlyMap<string, NamedParameter> | undefined): Problem {
  const known = [...(parameters?.keys() ?? [])];
  const near = nearestNames(name, known).slice(0, 2);
  const hint =
    near.length > 0
      ? `Did you mean ${near.map((one) => `"${one}"`).join(' or ')}?`
      : known.length > 0
        ? `It has ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', …' : ''}.`
        : parameters === undefined
          ? ''
          : 'It declares none: send the value as an override, {"<node id>": {"inputs": {"<name>": value}}}.';
  const msg = `This deployment's version has no parameter "${name.slice(0, 100)}". ${hint}`.trimEnd();
  return { loc: ['body', 'parameters', name], msg, type: 'unknown_parameter' };
}

/** A problem of an override that stands for a named value, told of the name; any other problem as it is. */
export function nameProblem(problem: Problem, names: ReadonlyMap<string, string>): Problem {
  const [head, node, , input] = problem.loc;
  if (names.size === 0 || head !== 'overrides') return problem;
  const found =
    problem.loc.length === 2
      ? [...names].find(([key]) => key.startsWith(inputKey(String(node), '')))
      : [inputKey(String(node), String(input)), names.get(inputKey(String(node), String(input)))];
  const name = found?.[1];
  if (name === undefined) return problem;
  const place = input === undefined ? `node ${node}` : `input ${input} of node ${node}`;
  return { ...problem, loc: ['body', 'parameters', name], msg: `Parameter "${name}" (${place}): ${problem.msg}` };
}
