// From a run to stored files: every file that a node reports, every other new file below the attempt's own folder, and the
// pictures of nodes that only send them. Begins while the run goes on, file by file as nodes finish. Made for each
// attempt (attempt.ts), asked by follow.ts and run-outputs.ts.
import { type JsonObject, type JsonValue, stringifyJson } from '@comfleet/comfyui';
import { StorageError } from '../files/storage.ts';
import type { StoredFile } from '../requests/finish.sql.ts';
import type { EarlierOutputs } from './earlier-outputs.ts';
import { type FetchDeps, type Fetched, fetchFile, openLocalFolders, readFileName, storeAs } from './fetch-file.ts';
import { listFileItems, rewriteOutputs, UnfitOutput, UnreadableOutput } from './rewrite-outputs.ts';
import { firstModelFile, type SilentOutputs } from './silent-outputs.ts';

export type Collected =
  | { kind: 'ok'; outputs: string; files: StoredFile[]; missing: string[] }
  /** `isUnfit`: that is the graph's doing. */
  | { kind: 'failed'; reason: string; isUnfit: boolean };

export interface Collector {
  /** Begins with a node's files while the run goes on. */
  begin(nodeId: string, output: JsonValue): void;
  /** What to look for beyond what nodes report. */
  expect(silent: SilentOutputs): void;
  /** A picture that came over the websocket: the result of a node that sends its results so, else just a preview. */
  keepPreview(nodeId: string, image: Buffer): void;
  /** Everything, once the run is over. `outputs` is what counts when it differs from what was begun. May be repeated. */
  finish(outputs: ReadonlyMap<string, JsonValue>, earlier: EarlierOutputs): Promise<Collected>;
}

interface Picture {
  readonly nodeId: string;
  readonly image: Buffer;
}

/** These wait in memory for the end of the run. */
const MAX_PICTURE_BYTES = 256 * 1024 * 1024;
/** What a picture costs beyond its bytes: a flood of tiny ones ends as soon. */
const PICTURE_OVERHEAD_BYTES = 64 * 1024;
/** Of one attempt, those that are repeated included: an instance that lies may name any number of files. */
const MAX_FETCHES = 20_000;
const TOO_MANY = `more than ${MAX_FETCHES} files were named`;

function createFetches(deps: FetchDeps) {
  /** One fetch a file, however often it is named. */
  const fetching = new Map<string, Promise<Fetched>>();
  let fetches = 0;

  function fetchItem(nodeId: string | undefined, item: JsonObject): Promise<Fetched> {
    const read = readFileName(item);
    if ('reason' in read) return Promise.resolve({ kind: 'failed', reason: read.reason, isUnfit: true });
    const { name } = read;
    const key = keyOf(name);
    const known = fetching.get(key);
    if (known !== undefined) return known;
    fetches += 1;
    if (fetches > MAX_FETCHES) return Promise.resolve({ kind: 'failed', reason: TOO_MANY, isUnfit: true });
    const local = openLocalFolders(deps.instance, { hasWritten: name.type === 'output' });
    const fetched = fetchFile(deps, local, { nodeId, name });
    fetching.set(key, fetched);
    const forget = () => void fetching.delete(key);
    // What could not be had is asked for anew when it is named again.
    fetched.then((result) => result.kind !== 'stored' && forget(), forget);
    return fetched;
  }

  return { fetchItem, fetching };
}

export function createCollector(deps: FetchDeps): Collector {
  const { fetchItem, fetching } = createFetches(deps);
  const pictures: Picture[] = [];
  let pictureBytes = 0;
  let silent: SilentOutputs = { frameNodes: new Set(), modelPrefixes: [] };

  // Its name on the instance may be another run's by now: what an identical run stored under it is the surer answer.
  async function fetchCached(earlier: EarlierOutputs, nodeId: string, item: JsonObject): Promise<Fetched> {
    const found = await earlier.find(nodeId, item);
    const fetched = found?.isIdentical ? undefined : await fetchItem(nodeId, item);
    if (fetched && fetched.kind !== 'missing') return fetched;
    const taken = await found?.take();
    if (taken === undefined) return fetched ?? (await fetchItem(nodeId, item));
    fetching.set(keyOf(item), Promise.resolve(taken));
    return taken;
  }

  async function fetchUnlisted(): Promise<void> {
    const local = openLocalFolders(deps.instance, { hasWritten: false });
    const found = local?.output.list(deps.folder).map((file) => ({ ...file, type: 'output' })) ?? [];
    const items = [...found, ...silent.modelPrefixes.map(firstModelFile)];
    await Promise.all(items.map((item) => fetchItem(undefined, item)));
  }

  return {
    begin(nodeId, output) {
      for (const item of listFileItems(output)) fetchItem(nodeId, item).catch(() => undefined); // finish() reports it
    },
    expect(expected) {
      silent = expected;
    },
    keepPreview(nodeId, image) {
      if (!silent.frameNodes.has(nodeId)) return;
      pictureBytes += image.length + PICTURE_OVERHEAD_BYTES;
      if (pictureBytes <= MAX_PICTURE_BYTES) pictures.push({ nodeId, image: Buffer.from(image) });
    },
    async finish(outputs, earlier) {
      try {
        if (pictureBytes > MAX_PICTURE_BYTES)
          throw new UnfitOutput(`more than ${MAX_PICTURE_BYTES} bytes of pictures were sent`);
        const { outputs: shown, missing } = await rewriteOutputs(outputs, (nodeId, item) =>
          earlier.cached.has(nodeId) ? fetchCached(earlier, nodeId, item) : fetchItem(nodeId, item),
        );
        const sent = await storePictures(deps, pictures, shown);
        await fetchUnlisted();
        const files = [...sent, ...(await storedFiles(fetching))];
        return { kind: 'ok', outputs: stringifyJson(shown), files, missing };
      } catch (error) {
        return { kind: 'failed', ...describe(error) };
      }
    },
  };
}

/** The message of what is unexpected may name what is none of a caller's business: it is thrown on. */
function describe(error: unknown): { reason: string; isUnfit: boolean } {
  if (error instanceof UnfitOutput) return { reason: error.message, isUnfit: true };
  if (error instanceof UnreadableOutput || error instanceof StorageError)
    return { reason: error.message, isUnfit: false };
  throw error;
}

function keyOf({
  type = 'output',
  subfolder = '',
  filename,
}: {
  type?: JsonValue;
  subfolder?: JsonValue;
  filename?: JsonValue;
}): string {
  return `${type}/${subfolder}/${filename}`;
}

/** Adds them to what their nodes show, as if they had been saved. */
async function storePictures(deps: FetchDeps, pictures: readonly Picture[], shown: JsonObject): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for (const [index, { nodeId, image }] of pictures.entries()) {
    const filename = `ComfyUI_websocket_${String(index + 1).padStart(5, '0')}_.png`;
    const name = { filename, subfolder: '', type: 'output' as const };
    const source = { open: async () => ({ kind: 'bytes' as const, bytes: image }) };
    const stored = await storeAs(deps, { nodeId, name, source });
    if (stored.kind !== 'stored') throw new UnreadableOutput(stored.reason);
    const node = (shown[nodeId] ?? {}) as { images?: JsonValue[] };
    shown[nodeId] = { ...node, images: [...(node.images ?? []), { url: stored.url, ...name }] };
    files.push(stored.file);
  }
  return files;
}

async function storedFiles(fetching: ReadonlyMap<string, Promise<Fetched>>): Promise<StoredFile[]> {
  const files = new Map<string, StoredFile>();
  for (const fetched of await Promise.all(fetching.values())) {
    if (fetched.kind === 'stored') files.set(`${fetched.file.kind}/${fetched.file.path}`, fetched.file);
  }
  return [...files.values()];
}
