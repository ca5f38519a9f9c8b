// One file of an instance → stored, under the name its caller asked for. Called by collect.ts. Names are judged here,
// once; bytes come from the instance's own folder when that is on this machine, from `/view` otherwise.
import { ComfyError, type JsonObject } from '@comfleet/comfyui';
import { createLocalOutput, type LocalOutput } from '../files/local-output.ts';
import { judgeOutputName, type OutputName, outputPath, withoutPrefix } from '../files/output-name.pure.ts';
import type { Instance } from '../instances/fleet.ts';
import type { StoredFile } from '../requests/finish.sql.ts';
import { type FileSource, type OutputStore, storeOutput } from './store-output.ts';

export interface FetchDeps {
  readonly store: OutputStore;
  readonly instance: Instance;
  readonly requestId: string;
  /** The folder that this attempt's files were told to go to. */
  readonly folder: string;
}

export type Fetched =
  | { kind: 'stored'; file: StoredFile; url: string; shown: OutputName }
  | { kind: 'missing'; reason: string }
  | { kind: 'failed'; reason: string };

export interface LocalFolders {
  readonly output: LocalOutput;
  readonly temp: LocalOutput;
}

export function openLocalFolders(instance: Instance): LocalFolders | undefined {
  if (instance.folders === undefined) return undefined;
  try {
    const { output, temp } = instance.folders;
    return { output: createLocalOutput({ dir: output }), temp: createLocalOutput({ dir: temp }) };
  } catch {
    return undefined; // a folder that is not there yet: files are fetched over HTTP
  }
}

/** The file that a node's output item names, or why it is none that may be fetched. */
export function readFileName(item: JsonObject): { name: OutputName } | { reason: string } {
  const { filename, subfolder = '', type = 'output' } = item;
  const verdict = judgeOutputName({ filename, subfolder, type });
  if (verdict.kind === 'ok') return { name: verdict.name };
  return { reason: `the instance named a file with ${verdict.reason}` };
}

interface FileToStore {
  readonly nodeId: string | undefined;
  readonly name: OutputName;
}

export async function fetchFile(deps: FetchDeps, local: LocalFolders | undefined, file: FileToStore): Promise<Fetched> {
  const source = readLocal(local, file.name) ?? viewSource(deps.instance, file.name);
  return await storeAs(deps, { ...file, source });
}

export async function storeAs(deps: FetchDeps, file: FileToStore & { readonly source: FileSource }): Promise<Fetched> {
  const { name, nodeId, source } = file;
  const shown: OutputName = { ...name, subfolder: withoutPrefix(name.subfolder, deps.folder) ?? name.subfolder };
  const kind = name.type === 'output' ? 'output' : 'temp';
  const path = shown.subfolder === '' ? shown.filename : `${shown.subfolder}/${shown.filename}`;
  const result = await storeOutput(deps.store, { source, filename: name.filename, requestId: deps.requestId });
  if (result.kind !== 'stored') return result;
  const url = outputPath(deps.requestId, { ...shown, type: kind });
  return { kind: 'stored', shown, url, file: { kind, path, nodeId, ...result.stored } };
}

function readLocal(local: LocalFolders | undefined, name: OutputName): FileSource | undefined {
  if (local === undefined || name.type === 'input') return undefined;
  const folder = local[name.type];
  const { subfolder, filename } = name;
  return { open: async (maxBytes) => folder.read({ subfolder, filename }, maxBytes) };
}

function viewSource(instance: Instance, { filename, subfolder, type }: OutputName): FileSource {
  return {
    async open() {
      try {
        const viewed = await instance.connection.client.view({ filename, subfolder, type });
        return { kind: 'stream', stream: viewed.stream, sizeBytes: viewed.sizeBytes };
      } catch (error) {
        if (error instanceof ComfyError && error.kind === 'status' && error.status === 404) return { kind: 'missing' };
        throw error;
      }
    },
  };
}
