// Finds in a routes file what serves each route, and which functions of the domain that leads to. By the layout that the
// formatter guarantees: a top-level function ends with a brace in the first column. Called by routes-page.ts.
import { dirname, join } from 'node:path';

export interface Handler {
  readonly path: string;
  readonly text: string;
  /** The file's own functions, by name. */
  readonly functions: ReadonlyMap<string, string>;
  /** Imported name → the file it comes from. */
  readonly imports: ReadonlyMap<string, string>;
  /** What is handed in, `deps.lookup` → the file of its type. */
  readonly parts: ReadonlyMap<string, string>;
}

interface Call {
  readonly name: string;
  readonly path: string;
}

/** Words of HTTP, not of the work. */
const NOT_THE_WORK = /(^|\/)(http|telemetry|db|net)\/|cursor|\.test\./;
/** Told only when there is nothing else: what asks whether the call may be, and what reads or writes its words. */
const GUARD =
  /^(judge|unknown|require|encode)[A-Z]|^(directory\.require|toUsd|toMicrodollars|readUsd|readInstant|readLabels|readDays|statesOf|parseOutputPath)$/;

export function readHandlers(path: string, source: string): Map<string, Handler> {
  const functions = new Map(
    [...source.matchAll(/^(?:export )?(?:(?:async )?function|const) (\w+)\b.*\{\n[\s\S]*?^}/gm)].map(
      ([text, name = '']) => [name, text],
    ),
  );
  const imports = readImports(path, source, /^(?!type )(\w+)$/);
  const types = readImports(path, source, /^type (\w+)$/);
  const parts = new Map<string, string>();
  for (const [, part = '', type = ''] of source.matchAll(/^ {2}readonly (\w+): (\w+);/gm)) {
    const from = types.get(type);
    if (from !== undefined) parts.set(part, from);
  }
  const found = new Map<string, Handler>();
  for (const [text, , id = ''] of source.matchAll(/^( *)routes\.serve\w*\('(\w+)',(?:.*\);$|[\s\S]*?^\1\}?\)?\);)/gm)) {
    found.set(id, { path, text, functions, imports, parts });
  }
  return found;
}

/** Imported names of the wanted kind; the first group is the name. */
function readImports(path: string, source: string, kind: RegExp): Map<string, string> {
  const imports = new Map<string, string>();
  for (const [, isType, names = '', from = ''] of source.matchAll(/^import (type )?\{([^}]*)\} from '(\.[^']*)';/gm)) {
    for (const name of names.split(',')) {
      const plain = kind.exec(`${isType ?? ''}${name.trim()}`)?.[1];
      if (plain !== undefined) imports.set(plain, join(dirname(path), from));
    }
  }
  return imports;
}

/** What the handler calls of the domain: use cases and parts first, then statements, then views. */
export function callsOf(handler: Handler): Call[] {
  const found = new Map<string, Call>();
  const seen = new Set<string>();
  const queue = [handler.text];
  for (let text = queue.shift(); text !== undefined; text = queue.shift()) {
    for (const [, part, name = ''] of text.matchAll(/\b(?:deps\.(\w+)\.)?(\w+)[([]/g)) {
      const call = callOf(handler, part, name);
      found.set(call.name, call);
      const own = seen.has(call.name) ? undefined : handler.functions.get(call.name);
      if (own !== undefined) queue.push(own);
      seen.add(call.name);
    }
  }
  const calls = [...found.values()].filter(({ path }) => path !== '' && !NOT_THE_WORK.test(path));
  const work = calls.filter(({ name }) => !GUARD.test(name));
  return (work.length > 0 ? work : calls).sort((a, b) => rank(a) - rank(b));
}

function callOf({ imports, parts }: Handler, part: string | undefined, name: string): Call {
  if (part === undefined) return { name, path: imports.get(name) ?? '' };
  return { name: `${part}.${name}`, path: parts.get(part) ?? '' };
}

function rank({ path }: Call): number {
  if (path.includes('view')) return 2;
  return path.endsWith('.sql.ts') ? 1 : 0;
}
