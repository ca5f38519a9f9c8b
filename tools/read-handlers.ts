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
}

/** Words of HTTP and of the view, not of the work. */
const NOT_THE_WORK = /(^|\/)(http|telemetry|db|net)\/|view|cursor|\.test\./;

export function readHandlers(path: string, source: string): Map<string, Handler> {
  const functions = new Map(
    [...source.matchAll(/^(?:export )?(?:async )?function (\w+)[\s\S]*?^}/gm)].map(([text, name = '']) => [name, text]),
  );
  const imports = readImports(path, source);
  const found = new Map<string, Handler>();
  for (const [text, , id = ''] of source.matchAll(/^( *)routes\.serve\w*\('(\w+)',(?:.*\);$|[\s\S]*?^\1\}?\)?\);)/gm)) {
    found.set(id, { path, text, functions, imports });
  }
  return found;
}

function readImports(path: string, source: string): Map<string, string> {
  const imports = new Map<string, string>();
  for (const [, names = '', from = ''] of source.matchAll(/^import \{([^}]*)\} from '(\.[^']*)';/gm)) {
    for (const name of names.split(',')) {
      const plain = name.trim();
      if (plain !== '' && !plain.startsWith('type ')) imports.set(plain, join(dirname(path), from));
    }
  }
  return imports;
}

/** What the handler calls of the domain, use cases before statements. */
export function callsOf(handler: Handler): { name: string; path: string }[] {
  const found = new Map<string, string>();
  const seen = new Set<string>();
  const queue = [handler.text];
  for (let text = queue.shift(); text !== undefined; text = queue.shift()) {
    for (const [, name = ''] of text.matchAll(/\b(\w+)\(/g)) {
      const own = handler.functions.get(name);
      if (own !== undefined && !seen.has(name)) queue.push(own);
      seen.add(name);
      const path = handler.imports.get(name);
      if (path !== undefined) found.set(name, path);
    }
  }
  const all = [...found].map(([name, path]) => ({ name, path }));
  const work = all.filter(({ path }) => !NOT_THE_WORK.test(path));
  const calls = work.length > 0 ? work : all.filter(({ path }) => path.includes('view'));
  const works = calls.filter(({ path }) => !path.endsWith('.sql.ts'));
  return [...works, ...calls.filter(({ path }) => path.endsWith('.sql.ts'))];
}
