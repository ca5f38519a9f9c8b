// One file of an instance → stored, under the name its caller asked for. Called by collect.ts. Names are judged here,
// once; bytes come from the instance's own folder when that is on this machine, from `/view` otherwise.
import { ComfyError, type JsonObject } from '@comfleet/comfyui';
import { createLocalOutput, type LocalOutput } from '../files/local-output.ts';
import { judgeOutputName, type OutputName, outputPath, withoutPrefix } from '../files/output-name.pure.ts';
import type { Instance, LocalFolders } from '../instances/fleet.ts';
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
  /** `isUnfit`: the graph made a file that cannot be stored, whoever tries. */
  | { kind: 'failed'; reason: string; isUnfit?: true };

export interface OpenFolders {
  readonly output: LocalOutput;
  readonly temp: LocalOutput | undefined;
  readonly isOwn: boolean;
}

// Opened once for each set of folders, not for each run.
const opened = new WeakMap<LocalFolders, OpenFolders | 'elsewhere'>();

/** `hasWritten`: there is a file in the output folder, so one that is not here now is on another machine for good. */
export function openLocalFolders(
  { folders }: Instance,
  { hasWritten }: { readonly hasWritten: boolean },
): OpenFolders | undefined {
  if (folders === undefined) return undefined;
  const known = opened.get(folders);
  if (known !== undefined) return known === 'elsewhere' ? undefined : known;
  try {
    const { output, temp, isOwn } = folders;
    const made = {
      output: createLocalOutput({ dir: output }),
      temp: temp === undefined ? undefined : createLocalOutput({ dir: temp }),
      isOwn,
    };
    opened.set(folders, made);
    return made;
  } catch {
    // Not there yet, or not on this machine: files are fetched over HTTP.
    if (hasWritten && !folders.isOwn) opened.set(folders, 'elsewhere');
    return undefined;
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

export async function fetchFile(deps: FetchDeps, local: OpenFolders | undefined, file: FileToStore): Promise<Fetched> {
  const near = local && readLocal(local, file.name, deps.folder);
  const source = near ?? viewSource(deps.instance, file.name);
  const fetched = await storeAs(deps, { ...file, source });
  if (fetched.kind !== 'stored' || withoutPrefix(file.name.subfolder, deps.folder) !== undefined) return fetched;
  return { ...fetched, file: { ...fetched.file, source: nameOnInstance(deps.instance, file.name) } };
}

export async function storeAs(deps: FetchDeps, file: FileToStore & { readonly source: FileSource }): Promise<Fetched> {
  const { name, nodeId, source } = file;
  const shown: OutputName = { ...name, subfolder: withoutPrefix(name.subfolder, deps.folder) ?? name.subfolder };
  const kind = name.type === 'output' ? 'output' : 'temp';
  const path = shown.subfolder === '' ? shown.filename : `${shown.subfolder}/${shown.filename}`;
  const result = await storeOutput(deps.store, { source, filename: name.filename, requestId: deps.requestId });
  if (result.kind !== 'stored') return result;
  const url = outputPath(deps.requestId, { ...shown, type: kind });
  return { kind: 'stored', shown, url, file: { kind, path, nodeId, ...result.stored, source: undefined } };
}

/** What the instance calls a file that is not this attempt's alone: a later, identical run is told the same. */
export function nameOnInstance(instance: Instance, { type, subfolder, filename }: OutputName): string {
  return `${instance.id}/${type}/${subfolder === '' ? '' : `${subfolder}/`}${filename}`;
}

function readLocal(local: OpenFolders, name: OutputName, attemptFolder: string): FileSource | undefined {
  const { subfolder, filename, type } = name;
  const folder = type === 'input' ? undefined : local[type];
  if (folder === undefined) return undefined;
  if (local.isOwn) return { open: async (maxBytes) => folder.read({ subfolder, filename }, maxBytes) };
  // Not our process: only what lies in the folder that this attempt had made, and only if it is really there.
  if (withoutPrefix(subfolder, attemptFolder) === undefined) return undefined;
  return folder.has({ subfolder, filename })
    ? { open: async (maxBytes) => folder.read({ subfolder, filename }, maxBytes) }
    : undefined;
}

function viewSource(instance: Instance, { filename, subfolder, type }: OutputName): FileSource {
  return {
    async open(_maxBytes, signal) {
      try {
        const viewed = await instance.connection.client.view({ filename, subfolder, type, signal: signal() });
        return { kind: 'stream', stream: viewed.stream, sizeBytes: viewed.sizeBytes };
      } catch (error) {
        if (error instanceof ComfyError && error.kind === 'status' && error.status === 404) return { kind: 'missing' };
        throw error;
      }
    },
  };
}
