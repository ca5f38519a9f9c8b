// From a finished run to stored files: every file that a node reports, and every other new file below the request's own
// folder. A back end's names, sizes and texts are hostile until judged. Called by run.ts, file by file as nodes finish.
import { ComfyError, type JsonObject, type JsonValue, stringifyJson } from '@comfleet/comfyui';
import { createLocalOutput, type LocalOutput } from '../files/local-output.ts';
import { judgeOutputName, type OutputName, outputPath, withoutPrefix } from '../files/output-name.pure.ts';
import type { Instance } from '../instances/fleet.ts';
import type { StoredFile } from '../requests/finish.sql.ts';
import { type FileSource, type OutputStore, storeOutput } from './store-output.ts';

export type Collected =
  | { kind: 'ok'; outputs: string; files: StoredFile[]; missing: string[] }
  | { kind: 'failed'; reason: string };

export interface Collector {
  /** Begins with a node's files while the run goes on. */
  begin(nodeId: string, output: JsonValue): void;
  /** A picture that came over the websocket; only nodes that send their results so are kept. */
  keepPreview(nodeId: string, image: Buffer, contentType: string): void;
  /** Everything, once the run is over. `outputs` is what counts when it differs from what was begun. */
  finish(outputs: ReadonlyMap<string, JsonValue>): Promise<Collected>;
}

interface Deps {
  readonly store: OutputStore;
  readonly instance: Instance;
  readonly requestId: string;
  /** The folder that this attempt's files were told to go to. */
  readonly folder: string;
}

type Fetched =
  | { kind: 'stored'; file: StoredFile; url: string; shown: OutputName }
  | { kind: 'missing'; reason: string }
  | { kind: 'failed'; reason: string };

export function createCollector(deps: Deps): Collector {
  const local = openLocal(deps.instance);
  const fetching = new Map<string, Promise<Fetched>>();

  function fetchFile(nodeId: string | undefined, item: JsonObject): Promise<Fetched> {
    const verdict = judgeOutputName({
      filename: item['filename'],
      subfolder: item['subfolder'] ?? '',
      type: item['type'] ?? 'output',
    });
    if (verdict.kind === 'refused')
      return Promise.resolve({ kind: 'failed', reason: `the instance named a file with ${verdict.reason}` });
    const { name } = verdict;
    const key = `${name.type}/${name.subfolder}/${name.filename}`;
    const known = fetching.get(key) ?? storeFile({ ...deps, local }, nodeId, name);
    fetching.set(key, known);
    return known;
  }

  async function rewriteItem(nodeId: string, item: JsonValue, missing: string[]): Promise<JsonValue> {
    if (!isFileItem(item)) return item;
    const fetched = await fetchFile(nodeId, item);
    const { fullpath: _, ...rest } = item;
    if (fetched.kind === 'missing') {
      missing.push(nodeId);
      return rest;
    }
    if (fetched.kind === 'failed') throw new Error(fetched.reason);
    const { filename, subfolder, type } = fetched.shown;
    return { url: fetched.url, ...rest, filename, subfolder, type };
  }

  async function rewriteNode(nodeId: string, output: JsonObject, missing: string[]): Promise<JsonObject> {
    const rewritten: JsonObject = {};
    for (const [key, value] of Object.entries(output)) {
      rewritten[key] = Array.isArray(value)
        ? await Promise.all(value.map((item) => rewriteItem(nodeId, item, missing)))
        : value;
    }
    return rewritten;
  }

  return {
    begin(nodeId, output) {
      for (const item of fileItems(output)) fetchFile(nodeId, item).catch(() => undefined); // finish() reports it
    },
    keepPreview: () => undefined,
    async finish(outputs) {
      const missing: string[] = [];
      try {
        const shown: JsonObject = {};
        for (const [nodeId, output] of outputs) {
          if (isObject(output)) shown[nodeId] = await rewriteNode(nodeId, output, missing);
        }
        if (local) await fetchUnlisted(local, deps.folder, (item) => fetchFile(undefined, item));
        const files = await storedFiles(fetching);
        return { kind: 'ok', outputs: stringifyJson(withoutNonFinite(shown)), files, missing };
      } catch (error) {
        return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

interface LocalFolders {
  readonly output: LocalOutput;
  readonly temp: LocalOutput;
}

function openLocal(instance: Instance): LocalFolders | undefined {
  if (instance.folders === undefined) return undefined;
  try {
    return {
      output: createLocalOutput({ dir: instance.folders.output }),
      temp: createLocalOutput({ dir: instance.folders.temp }),
    };
  } catch {
    return undefined; // a folder that is not there yet: files are fetched over HTTP
  }
}

async function storedFiles(fetching: Map<string, Promise<Fetched>>): Promise<StoredFile[]> {
  const files = new Map<string, StoredFile>();
  for (const fetched of await Promise.all(fetching.values())) {
    if (fetched.kind === 'stored') files.set(`${fetched.file.kind}/${fetched.file.path}`, fetched.file);
  }
  return [...files.values()];
}

async function fetchUnlisted(local: LocalFolders, folder: string, fetchFile: (item: JsonObject) => Promise<Fetched>) {
  const found = local.output.list(folder);
  await Promise.all(found.map(({ filename, subfolder }) => fetchFile({ filename, subfolder, type: 'output' })));
}

async function storeFile(
  deps: Deps & { local: LocalFolders | undefined },
  nodeId: string | undefined,
  name: OutputName,
): Promise<Fetched> {
  const shown: OutputName = { ...name, subfolder: withoutPrefix(name.subfolder, deps.folder) ?? name.subfolder };
  const kind = name.type === 'output' ? 'output' : 'temp';
  const path = shown.subfolder === '' ? shown.filename : `${shown.subfolder}/${shown.filename}`;
  const source = readLocal(deps.local, name) ?? viewSource(deps.instance, name);
  const result = await storeOutput(deps.store, { source, filename: name.filename, requestId: deps.requestId });
  if (result.kind !== 'stored') return result;
  const url = outputPath(deps.requestId, { ...shown, type: kind });
  return { kind: 'stored', shown, url, file: { kind, path, nodeId, ...result.stored } };
}

function readLocal(local: LocalFolders | undefined, name: OutputName): FileSource | undefined {
  if (local === undefined || name.type === 'input') return undefined;
  const folder = local[name.type];
  return { open: async (maxBytes) => folder.read({ subfolder: name.subfolder, filename: name.filename }, maxBytes) };
}

function viewSource(instance: Instance, name: OutputName): FileSource {
  return {
    async open() {
      try {
        const viewed = await instance.connection.client.view({
          filename: name.filename,
          subfolder: name.subfolder,
          type: name.type,
        });
        return { kind: 'stream', stream: viewed.stream, sizeBytes: viewed.sizeBytes };
      } catch (error) {
        if (error instanceof ComfyError && error.kind === 'status' && error.status === 404) return { kind: 'missing' };
        throw error;
      }
    },
  };
}

function* fileItems(output: JsonValue): Generator<JsonObject> {
  if (!isObject(output)) return;
  for (const value of Object.values(output)) {
    if (!Array.isArray(value)) continue;
    for (const item of value) if (isFileItem(item)) yield item;
  }
}

function isFileItem(item: JsonValue): item is JsonObject {
  return isObject(item) && typeof item['filename'] === 'string';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.getPrototypeOf(value) === Object.prototype
  );
}

/** Python writes NaN and Infinity; no JSON reader of a caller takes them. */
function withoutNonFinite(value: JsonValue): JsonValue {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(withoutNonFinite);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNonFinite(item)]));
  if (typeof value === 'object' && value !== null && 'text' in value)
    return Number.isFinite(Number(value.text)) ? value : null;
  return value;
}
