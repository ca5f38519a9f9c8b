// The package's door: ComfyUI's protocol (client, frames, history) and its graphs (parse, validate, compile).
export { type ComfyClient, type ComfyClientOptions, createComfyClient } from './client.ts';
export { ComfyError, type ComfyErrorKind, toComfyError } from './comfy-error.ts';
export { type Conversion, type ConvertOptions, convertWorkflow } from './editor/convert.ts';
export {
  classifyExecutionError,
  type ExecutionError,
  type ExecutionErrorClass,
  isTerminalError,
  readExecutionError,
} from './execution-error.ts';
export { decodeBinaryFrame, decodeTextFrame, type Frame, type Malformed, peekType } from './frames.ts';
export { type CompiledGraph, type CompileOptions, compileGraph, writeGraph } from './graph/compile.ts';
export type { NamedFile } from './graph/core-file-inputs.ts';
export { hasDynamicInputs, isDynamicType, type NodeInputs, resolveInputs } from './graph/dynamic-inputs.ts';
export { checkFileName } from './graph/file-name.ts';
export { fingerprint } from './graph/fingerprint.ts';
export { inputKey } from './graph/graph-text.ts';
export { isLink } from './graph/links.ts';
export { listMediaInputs, type MediaInput } from './graph/media-inputs.ts';
export { listModels } from './graph/models.ts';
export { editDistance, nearestNames } from './graph/nearest.ts';
export { applyOverrides, type Touched } from './graph/overrides.ts';
export { type Graph, type GraphNode, isEditorFormat, parseGraph } from './graph/parse.ts';
export type { Holes, PreparedGraph } from './graph/prepared.ts';
export { type Problem, prefixProblem } from './graph/problem.ts';
export { pruneGraph } from './graph/prune.ts';
export { holdsNonFinite } from './graph/python-value.ts';
export { listSavePrefixes, type SavePrefix } from './graph/save-prefixes.ts';
export { TOO_MANY_INPUTS, type Verdict, validateGraph } from './graph/validate.ts';
export { decodeHistoryEntry, type HistoryEntry, type HistoryMessage, type Terminal } from './history.ts';
export type { Timeouts } from './http.ts';
export {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  LosslessNumber,
  parseJson,
  stringifyJson,
} from './json.ts';
export { isJsonError, JsonError, type JsonLimits } from './json-error.ts';
export type { NodeProgress } from './node-progress.ts';
export {
  findNodeInfo,
  type InputSpec,
  isCustomNode,
  listInputs,
  type MediaKind,
  mediaKind,
  type NodeInfo,
  type ObjectInfo,
} from './object-info.ts';
export { type CollectedOutput, collectOutput, type OutputFile, splitRelativePath } from './outputs.ts';
export type { FreeOptions } from './queue.ts';
export { type QueueIds, readQueueIds } from './queue-ids.ts';
export type { FetchedObjectInfo } from './server-info.ts';
export type { CloseCause, ComfySocket, SocketHandlers } from './socket.ts';
export type { NodeErrors, PromptError, Submission, SubmitOutcome } from './submit.ts';
export {
  canInterruptByPrompt,
  type Device,
  decodeSystemStats,
  keepsPromptId,
  type SystemStats,
} from './system-stats.ts';
export type { Upload, Uploaded, UploadSource, UploadTarget } from './upload.ts';
export type { ViewedFile, ViewRequest } from './view.ts';
