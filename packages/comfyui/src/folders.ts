// Where an instance says that its outputs go, for owners on the same machine who would rather read a file than fetch it.
// A claim, not a fact: whoever uses it checks that the file it expects is really there.
import { requireJson } from './answers.ts';
import { readArray, readField, tryParseJson } from './fields.ts';
import type { Http } from './http.ts';
import type { JsonValue } from './json.ts';

/** The absolute path of the output folder; undefined when the instance does not say. */
export async function fetchOutputFolder(http: Http): Promise<string | undefined> {
  const stats = await requireJson(http, { method: 'GET', path: '/system_stats' }, 'fast');
  const argv = (readArray(readField(stats, 'system'), 'argv') ?? []).map(String);
  const output = flagValue(argv, '--output-directory');
  if (output !== undefined) return absolute(output);
  const base = flagValue(argv, '--base-directory') ?? (await findBaseFolder(http));
  return base === undefined ? undefined : absolute(`${base}/output`);
}

function flagValue(argv: readonly string[], flag: string): string | undefined {
  const index = argv.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (index < 0) return undefined;
  const word = argv[index] ?? '';
  return word === flag ? argv[index + 1] : word.slice(flag.length + 1);
}

// Custom nodes lie directly below the base folder, whatever folder the program was started from.
async function findBaseFolder(http: Http): Promise<string | undefined> {
  const reply = await http.send({ method: 'GET', path: '/internal/folder_paths' });
  const paths: JsonValue | undefined = reply.status === 200 ? tryParseJson(reply.body.toString('utf8')) : undefined;
  const first = readArray(paths, 'custom_nodes')?.[0];
  return typeof first === 'string' ? /^(.+)\/custom_nodes\/?$/.exec(first)?.[1] : undefined;
}

/** A path relative to a folder that only the instance knows is of no use. */
function absolute(path: string): string | undefined {
  return path.startsWith('/') ? path : undefined;
}
