// The classes this server knows: the nodes that run here, plus object_info entries that a test or a deployment adds.
// Used by validation and by the object_info routes. Node code is loaded on first use, so that the server starts at once.
import type { NodeInfo, ObjectInfo } from '@comfleet/comfyui';
import type { NodeDefinition, NodeDirectories } from './nodes/node.ts';
import { PythonError } from './python/errors.ts';
import { typeName } from './python/text.pure.ts';
import { type ClassSpec, readClassSpec } from './validation/class-spec.pure.ts';
import type { NodeClass, OwnValidator } from './validation/validate-node.ts';

export interface NodeClasses {
  find(classType: string): NodeClass | undefined;
  /** The entry as it is now: combos that list a folder are read anew. */
  info(classType: string): Promise<NodeInfo | undefined>;
  allInfo(): Promise<ObjectInfo>;
}

interface ClassesDeps {
  nodes: ReadonlyMap<string, NodeDefinition>;
  dirs: NodeDirectories;
  extra: ObjectInfo;
}

export async function loadNodeClasses({ dirs, extra }: Omit<ClassesDeps, 'nodes'>): Promise<NodeClasses> {
  const { NODES } = await import('./nodes/index.ts');
  return createNodeClasses({ nodes: NODES, dirs, extra });
}

export function createNodeClasses({ nodes, dirs, extra }: ClassesDeps): NodeClasses {
  const classes = new Map<string, NodeClass>();

  function add(classType: string, spec: ClassSpec, definition?: NodeDefinition): void {
    const ownValidator = definition ? ownValidatorOf(definition, dirs) : undefined;
    classes.set(classType, { spec, ...(ownValidator ? { ownValidator } : {}) });
  }

  for (const [classType, info] of Object.entries(extra)) add(classType, readClassSpec(info));
  for (const [classType, node] of nodes) add(classType, readClassSpec(node.info), node);

  async function info(classType: string): Promise<NodeInfo | undefined> {
    const node = nodes.get(classType);
    if (node) return node.liveInfo ? await node.liveInfo(dirs) : node.info;
    return Object.hasOwn(extra, classType) ? extra[classType] : undefined;
  }

  return {
    find: (classType) => classes.get(classType),
    info,
    async allInfo() {
      const all: ObjectInfo = { ...extra };
      for (const classType of nodes.keys()) {
        const entry = await info(classType);
        if (entry) all[classType] = entry;
      }
      return all;
    },
  };
}

function ownValidatorOf(
  { validate, validatedInputs }: NodeDefinition,
  dirs: NodeDirectories,
): OwnValidator | undefined {
  if (!validate) return undefined;
  const names = validatedInputs ?? [];
  return {
    inputs: names,
    validate(inputs) {
      for (const name of names) requireText(inputs[name]);
      return validate(inputs, dirs);
    },
  };
}

/** All own validators here look a file name up, and that is where python finds that it is no string. */
function requireText(value: unknown): void {
  if (typeof value === 'string') return;
  throw new PythonError('AttributeError', `'${typeName(value)}' object has no attribute 'endswith'`);
}
