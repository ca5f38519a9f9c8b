// Are two API graphs the same up to a renaming of their node ids? Colours are refined until they stand still, ties are
// broken by trying, and the pairing found is checked input by input. Called by the conversion tests.

interface Node {
  class_type: string;
  inputs: Record<string, unknown>;
  _meta?: { title?: string };
}
type AnyGraph = Record<string, Node>;

/** Undefined when they are the same, else what differs. */
export function sameGraph(ours: AnyGraph, theirs: AnyGraph, options: { meta?: boolean } = {}): string | undefined {
  const counts = describeCounts(ours, theirs);
  if (counts !== undefined) return counts;
  const a = indexGraph(ours, options.meta === true);
  const b = indexGraph(theirs, options.meta === true);
  const pairs = pair({ a, b }, { a: firstColours(a), b: firstColours(b) });
  if (pairs === undefined) return describeDifference(ours, theirs);
  return check(ours, theirs, pairs) ? undefined : 'the pairing that was found does not hold';
}

interface Indexed {
  labels: Map<string, string>;
  links: Map<string, { to: string; as: string }[]>;
  uses: Map<string, { by: string; as: string }[]>;
}
type Colours = Map<string, string>;

function isLinkIn(graph: AnyGraph, value: unknown): value is [string, number] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Object.hasOwn(graph, value[0]);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([x], [y]) => (x < y ? -1 : 1)))
      : member,
  );
}

function indexGraph(graph: AnyGraph, withMeta: boolean): Indexed {
  const indexed: Indexed = { labels: new Map(), links: new Map(), uses: new Map() };
  for (const id of Object.keys(graph)) indexed.uses.set(id, []);
  for (const [id, node] of Object.entries(graph)) {
    const literals: [string, unknown][] = [];
    const links: { to: string; as: string }[] = [];
    for (const [name, value] of Object.entries(node.inputs)) {
      if (isLinkIn(graph, value)) links.push({ to: value[0], as: `${name}#${value[1]}` });
      else literals.push([name, value]);
    }
    links.sort((x, y) => (x.as < y.as ? -1 : 1));
    for (const { to, as } of links) indexed.uses.get(to)?.push({ by: id, as });
    const meta = withMeta ? canonical(node._meta ?? {}) : '';
    indexed.labels.set(id, `${node.class_type} ${canonical(Object.fromEntries(literals))} ${meta}`);
    indexed.links.set(id, links);
  }
  return indexed;
}

function firstColours({ labels }: Indexed): Colours {
  return new Map(labels);
}

/** Refines both at once, with one numbering, so that equal colours mean equal surroundings. */
function refine(graphs: { a: Indexed; b: Indexed }, colours: { a: Colours; b: Colours }): { a: Colours; b: Colours } {
  let current = colours;
  for (let count = -1; ; ) {
    const numbers = new Map<string, string>();
    const step = (indexed: Indexed, before: Colours): Colours =>
      new Map(
        [...before].map(([id, colour]) => {
          const links = (indexed.links.get(id) ?? []).map(({ to, as }) => `${as}>${before.get(to)}`);
          const uses = (indexed.uses.get(id) ?? []).map(({ by, as }) => `${as}<${before.get(by)}`).sort();
          const text = JSON.stringify([colour, links, uses]);
          const number = numbers.get(text) ?? String(numbers.size);
          numbers.set(text, number);
          return [id, number];
        }),
      );
    current = { a: step(graphs.a, current.a), b: step(graphs.b, current.b) };
    if (numbers.size === count) return current;
    count = numbers.size;
  }
}

function byColour(colours: Colours): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [id, colour] of colours) groups.set(colour, [...(groups.get(colour) ?? []), id]);
  return groups;
}

function pair(
  graphs: { a: Indexed; b: Indexed },
  colours: { a: Colours; b: Colours },
): Map<string, string> | undefined {
  const refined = refine(graphs, colours);
  const groupsA = byColour(refined.a);
  const groupsB = byColour(refined.b);
  let tie: { first: string; candidates: string[] } | undefined;
  const pairs = new Map<string, string>();
  for (const [colour, ids] of groupsA) {
    const others = groupsB.get(colour);
    if (others?.length !== ids.length) return undefined;
    const [first] = ids;
    const [other] = others;
    if (first === undefined || other === undefined) return undefined;
    if (ids.length > 1) tie ??= { first, candidates: others };
    else pairs.set(first, other);
  }
  if (tie === undefined) return pairs;
  for (const candidate of tie.candidates) {
    const a = new Map(refined.a).set(tie.first, 'chosen');
    const b = new Map(refined.b).set(candidate, 'chosen');
    const found = pair(graphs, { a, b });
    if (found !== undefined) return found;
  }
  return undefined;
}

function check(ours: AnyGraph, theirs: AnyGraph, pairs: ReadonlyMap<string, string>): boolean {
  if (new Set(pairs.values()).size !== Object.keys(theirs).length) return false;
  return Object.entries(ours).every(([id, node]) => {
    const other = theirs[pairs.get(id) ?? ''];
    if (other === undefined || other.class_type !== node.class_type) return false;
    const renamed = Object.entries(node.inputs).map(([name, value]) => [
      name,
      isLinkIn(ours, value) ? [pairs.get(value[0]), value[1]] : value,
    ]);
    return canonical(Object.fromEntries(renamed)) === canonical(other.inputs);
  });
}

function describeCounts(ours: AnyGraph, theirs: AnyGraph): string | undefined {
  const count = (graph: AnyGraph) => {
    const classes = new Map<string, number>();
    for (const { class_type } of Object.values(graph)) classes.set(class_type, (classes.get(class_type) ?? 0) + 1);
    return classes;
  };
  const [a, b] = [count(ours), count(theirs)];
  const wrong = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
  if (wrong.length === 0) return undefined;
  return wrong.map((name) => `${name}: ${a.get(name) ?? 0} instead of ${b.get(name) ?? 0}`).join(', ');
}

/** The first input that differs between nodes of the same id, for the message of a failed test. */
function describeDifference(ours: AnyGraph, theirs: AnyGraph): string {
  const found: string[] = [];
  for (const [id, node] of Object.entries(ours)) {
    const other = theirs[id];
    if (other === undefined) continue;
    for (const name of new Set([...Object.keys(node.inputs), ...Object.keys(other.inputs)])) {
      const [mine, other_] = [canonical(node.inputs[name]) ?? '∅', canonical(other.inputs[name]) ?? '∅'];
      if (mine !== other_)
        found.push(`${id} ${node.class_type}.${name}: ${mine.slice(0, 60)} | ${other_.slice(0, 60)}`);
    }
  }
  return found.slice(0, 6).join('; ') || 'the graphs differ';
}
