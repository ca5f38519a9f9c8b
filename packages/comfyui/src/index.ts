export { type ComfyClient, type ComfyClientOptions, createComfyClient } from './client.ts';
export { ComfyError, type ComfyErrorKind, toComfyError } from './comfy-error.ts';
export {
  classifyExecutionError,
  type ExecutionError,
  type ExecutionErrorClass,
  isTerminalError,
  readExecutionError,
} from './execution-error.ts';
export { decodeBinaryFrame, decodeTextFrame, type Frame, type Malformed, peekType } from './frames.ts';
export { decodeHistoryEntry, type HistoryEntry, type HistoryMessage, type Terminal } from './history.ts';
export type { Timeouts } from './http.ts';
export type { NodeProgress } from './node-progress.ts';
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
