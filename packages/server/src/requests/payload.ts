// What a request runs: its prepared graph, its media and its secrets. Built from the body at submit, and from the stored
// text after a restart. Called by submit.ts and by execution when memory let go of it.
import { ApiError, DEFAULT_LIMITS, type Problem, validationError } from '@comfleet/api';
import {
  type CompiledGraph,
  compileGraph,
  holdsNonFinite,
  inputKey,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type MediaInput,
  type PreparedGraph,
  parseGraph,
  parseJson,
  stringifyJson,
} from '@comfleet/comfyui';
import { isDataUri, parseDataUri } from '../files/data-uri.ts';
import { decodeHeldDataUri } from '../files/held-data-uri.ts';
import type { CachedInput, InputCache } from '../files/input-cache.ts';
import { fits } from '../files/media-type.ts';
import { refuseUnavailable } from '../files/refuse-unavailable.ts';
import type { HeldTexts } from '../http/held-texts.ts';
import { restoreTexts } from '../http/read-body.ts';
import type { LoadedVersion } from '../workflows/versions.ts';
import { convertInline } from './inline-workflow.ts';
import { judgeFileName, judgeNamedFile } from './judge-file-name.ts';
import { applyNamedValues, type NamedValues, nameProblem } from './named-values.pure.ts';
import { type MediaSource, type RequestMedia, STORED_MEDIA, writeStoredBody } from './stored-body.pure.ts';

export interface RequestPayload {
  readonly prepared: PreparedGraph;
  readonly media: readonly RequestMedia[];
  readonly extraData: string | undefined;
  /** What is stored: enough to build this payload again. */
  readonly body: string;
}

/** Where a body's values for the graph are. */
export const GRAPH_KEYS: readonly string[] = ['overrides', 'workflow_api_json', 'workflow_json', 'parameters'];
/** A data URI that is held shows no more of itself. */
const MEDIA_ECHO = 48;

interface Deps {
  readonly accountId: string;
  readonly inputCache: InputCache;
  readonly maxDataUriBytes: number;
  /** The long data URIs of the body, still in its bytes. */
  readonly held?: HeldTexts | undefined;
}

/** Throws 422001 with every problem at once, 10013 when there is no graph, 413001 for a data URI over the limit. */
export async function buildPayload(deps: Deps, version: LoadedVersion, given: JsonObject): Promise<RequestPayload> {
  const { body, placeOf: placeInFile } = convertInline(version, given);
  const { prepared, named } = prepareHeld(version, body, deps.held);
  if ('problems' in prepared || named.problems.length > 0) {
    const found = 'problems' in prepared ? prepared.problems.map((problem) => nameProblem(problem, named.names)) : [];
    const placed = found.map((problem) => ({ ...problem, loc: placeInFile(placeOf(problem.loc)) }));
    const problems = [...named.problems, ...placed];
    throw validationError(deps.held === undefined ? problems : concealHeld(problems, deps.held));
  }
  const { media, problems } = await readMedia(deps, prepared, { body, names: named.names });
  if (problems.length > 0) {
    throw validationError(problems.map((problem) => ({ ...problem, loc: placeInFile(problem.loc) })));
  }
  const extraData = body['extra_data'] ?? undefined;
  if (extraData !== undefined && holdsNonFinite(extraData)) {
    // Its value is a secret and is not shown.
    const msg = 'extra_data holds a number that is not finite (NaN, Infinity or one too large).';
    throw validationError([{ loc: ['body', 'extra_data'], msg, type: 'not_finite' }]);
  }
  return {
    prepared,
    media,
    extraData: extraData === undefined ? undefined : stringifyJson(withoutClientId(extraData)),
    body: writeStoredBody(body, media, named.names),
  };
}

interface Prepared {
  readonly prepared: ReturnType<CompiledGraph['prepare']>;
  readonly named: NamedValues;
}

function prepare(version: LoadedVersion, body: JsonObject): Prepared {
  const named = applyNamedValues(version.parameters, body);
  return { named, prepared: chooseGraph(version, body).prepare(named.overrides) };
}

// What is held and is no media after all has to be there in full.
function prepareHeld(version: LoadedVersion, body: JsonObject, held: HeldTexts | undefined): Prepared {
  const made = prepare(version, body);
  if (held === undefined) return made;
  const { prepared } = made;
  if ('problems' in prepared) return made;
  const taken = new Set(prepared.mediaInputs().map(({ value }) => value));
  const used = GRAPH_KEYS.map((key) => body[key] ?? null);
  if ([...held.list(used)].every((placeholder) => taken.has(placeholder))) return made;
  restoreTexts(held, used, (placeholder) => taken.has(placeholder));
  return prepare(version, body);
}

function concealHeld(problems: readonly Problem[], held: HeldTexts): Problem[] {
  return problems.map(({ input, ...problem }) => ({
    ...problem,
    msg: held.conceal(problem.msg),
    ...(input === undefined ? {} : { input: typeof input === 'string' ? held.conceal(input) : input }),
  }));
}

/** The payload of an accepted request, from what was stored. */
export function restorePayload(
  version: LoadedVersion,
  stored: { body: string; extraData: string | null },
): RequestPayload {
  const body = parseJson(stored.body) as JsonObject;
  const { prepared } = prepare(version, body);
  if ('problems' in prepared) throw new Error('an accepted request no longer fits its version');
  const kept = new Map((body['media'] as unknown as [string, MediaSource][] | undefined) ?? []);
  const media = prepared.mediaInputs().flatMap((input): RequestMedia[] => {
    const source = kept.get(inputKey(input.nodeId, input.name)) ?? urlSource(input.value);
    return source ? [{ nodeId: input.nodeId, name: input.name, mediaKind: input.kind, source }] : [];
  });
  return { prepared, media, extraData: stored.extraData ?? undefined, body: stored.body };
}

function chooseGraph(version: LoadedVersion, body: JsonObject): CompiledGraph {
  const inline = body['workflow_api_json'];
  if (inline === undefined || inline === null || isEmptyObject(inline)) {
    if (Object.keys(version.graph).length === 0) {
      const msg = `Version v${version.number} of workflow ${version.workflowId} has no graph and the body brought none. Save a version with a workflow_api_json, or send one in the body.`;
      throw new ApiError(10013, msg);
    }
    return version.compiled;
  }
  const loc = ['body', 'workflow_api_json'];
  const parsed = parseGraph(inline, DEFAULT_LIMITS.graphNodes);
  if ('problems' in parsed) throw validationError(parsed.problems.map((problem) => at(loc, problem)));
  return compileGraph(parsed.graph, version.info, { graphLoc: ['workflow_api_json'] });
}

function isEmptyObject(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

interface ReadMedia {
  readonly media: RequestMedia[];
  readonly problems: Problem[];
}

type Place = (string | number)[];

/** Where a problem stands: in the body, or in the version that was saved before. */
function placeOf(loc: Place): Place {
  return loc[0] === 'version' || loc[0] === 'body' ? loc : ['body', ...loc];
}

interface Given {
  readonly body: JsonObject;
  /** inputKey → the parameter that its value was given under. */
  readonly names: NamedValues['names'];
}

function mediaPlace({ body, names }: Given, { nodeId, name }: Pick<MediaInput, 'nodeId' | 'name'>): Place {
  const parameter = names.get(inputKey(nodeId, name));
  if (parameter !== undefined) return ['body', 'parameters', parameter];
  const overrides = body['overrides'];
  const node = isJsonObject(overrides) ? overrides[nodeId] : undefined;
  const inputs = isJsonObject(node) ? node['inputs'] : undefined;
  if (isJsonObject(inputs) && Object.hasOwn(inputs, name)) return ['body', 'overrides', nodeId, 'inputs', name];
  return [isJsonObject(body['workflow_api_json']) ? 'body' : 'version', 'workflow_api_json', nodeId, 'inputs', name];
}

async function readMedia(deps: Deps, prepared: PreparedGraph, given: Given): Promise<ReadMedia> {
  const found: ReadMedia = { media: [], problems: [] };
  const inputs = prepared.mediaInputs();
  for (const input of inputs) {
    const source = await readSource(deps, input);
    if ('problem' in source) {
      found.problems.push({
        loc: mediaPlace(given, input),
        msg: source.problem,
        type: 'invalid_media',
        input: input.value.slice(0, MEDIA_ECHO),
      });
    } else if (source.kind !== 'name') {
      found.media.push({ nodeId: input.nodeId, name: input.name, mediaKind: input.kind, source });
    }
  }
  const files = prepared.namedFiles();
  const judged = files.length > 0 ? new Set(inputs.map(({ nodeId, name }) => inputKey(nodeId, name))) : undefined;
  for (const file of files) {
    const problem = judged?.has(inputKey(file.nodeId, file.name)) ? undefined : judgeNamedFile(deps.accountId, file);
    if (problem === undefined) continue;
    const input = file.value.slice(0, MEDIA_ECHO);
    found.problems.push({ loc: mediaPlace(given, file), msg: problem, type: 'invalid_media', input });
  }
  return found;
}

async function readSource(
  deps: Deps,
  input: MediaInput,
): Promise<MediaSource | { kind: 'name' } | { problem: string }> {
  const { value } = input;
  if (isDataUri(value)) return await keepDataUri(deps, input);
  const url = urlSource(value);
  if (url) return url;
  if (/^\s*[a-z][a-z0-9+.-]{1,20}:/i.test(value)) {
    return {
      problem: `"${shorten(value)}" is no address that media can be fetched from: use an https:// URL, a data: URI or a file name.`,
    };
  }
  if (value.startsWith(STORED_MEDIA)) return { problem: `"${shorten(value)}" is a reserved name.` };
  if (isBareBase64(value)) {
    return { problem: 'This looks like base64 without its head: put "data:;base64," in front of it.' };
  }
  const problem = judgeFileName(deps.accountId, value);
  return problem === undefined ? { kind: 'name' } : { problem };
}

/** Longer than any file name, and nothing but the alphabet. */
function isBareBase64(value: string): boolean {
  return value.length > 255 && /^[A-Za-z0-9+/=\s]+$/.test(value);
}

async function keepDataUri(deps: Deps, input: MediaInput): Promise<MediaSource | { problem: string }> {
  const held = deps.held?.find(input.value);
  const parsed = held
    ? await decodeHeldDataUri(held, deps.maxDataUriBytes)
    : parseDataUri(input.value, deps.maxDataUriBytes);
  if (parsed.kind === 'refused') {
    if (parsed.problem.includes('larger than')) {
      throw new ApiError(
        413001,
        `Node ${input.nodeId}, input ${input.name}: ${parsed.problem}. Send large media as an https:// URL.`,
      );
    }
    return { problem: `${parsed.problem}.` };
  }
  const kept = deps.inputCache.keep(parsed.bytes, { maxBytes: deps.maxDataUriBytes });
  const cached = await refuseUnavailable(kept);
  if (fits(input.kind, cached)) return toStored(cached);
  return {
    problem: `These bytes are ${describe(cached)}, but the input takes ${input.kind === 'file' ? 'a file' : `a media of kind ${input.kind}`}.`,
  };
}

export function toStored(cached: CachedInput): Extract<MediaSource, { kind: 'stored' }> {
  return { kind: 'stored', sha256: cached.sha256, ext: cached.ext, mime: cached.mime, sizeBytes: cached.sizeBytes };
}

function describe(cached: CachedInput): string {
  return cached.mime === 'application/octet-stream' ? 'of no known media type' : cached.mime;
}

function urlSource(value: string): MediaSource | undefined {
  const text = value.trim();
  return /^https?:\/\//i.test(text) && URL.canParse(text) ? { kind: 'url', url: text } : undefined;
}

/** A client_id that is no string ends ComfyUI's process; ours is set at dispatch. */
function withoutClientId(extraData: JsonValue): JsonValue {
  if (typeof extraData !== 'object' || extraData === null || Array.isArray(extraData)) return {};
  const { client_id: _, ...rest } = extraData as JsonObject;
  return rest;
}

function at(
  loc: readonly (string | number)[],
  problem: { loc: (string | number)[]; msg: string; type: string },
): Problem {
  return { ...problem, loc: [...loc, ...problem.loc] };
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
