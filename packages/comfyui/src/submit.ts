// POST /prompt and what its answer means. The hot path: the graph's text is sent as it is, never parsed or
// stringified here, so that a seed above 2^53 stays exact and a big graph costs one copy.
import { bodyHead } from './answers.ts';
import { ComfyError, type ComfyErrorKind } from './comfy-error.ts';
import { readArray, readField, readIds, readObject, readString, tryParseJson } from './fields.ts';
import type { Http } from './http.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { HttpReply } from './receive.ts';

export interface Submission {
  /** A fresh canonical lower-case UUID per attempt: ComfyUI runs the same id twice when it gets it twice. */
  promptId: string;
  /** The clientId of an open socket; without one, events of this prompt go to everybody. */
  clientId: string;
  /** Raw JSON text of the API graph, or its pieces. */
  graphJson: string | readonly Uint8Array[];
  /** Raw JSON text of an object. */
  extraDataJson?: string;
  /** Asked when the prompt is about to be written to the socket; false: it is not sent. */
  mayBegin?: () => boolean;
}

export interface PromptError {
  type: string;
  message: string;
  details: string;
  extraInfo: JsonObject;
}

export interface NodeErrors {
  classType: string | undefined;
  errors: PromptError[];
  dependentOutputs: string[];
}

export type SubmitOutcome =
  /** In ComfyUI's queue. Node errors here mean that the named outputs were dropped silently. */
  | { kind: 'queued'; promptId: string; nodeErrors: Map<string, NodeErrors> }
  /** ComfyUI judged the graph (400) or its size (413) and did not queue it. */
  | { kind: 'refused'; status: number; error: PromptError; nodeErrors: Map<string, NodeErrors> }
  /** No answer. With `mayHaveArrived`, look the id up in queue and history before sending a new one. */
  | { kind: 'unreachable'; reason: ComfyErrorKind; cause: ComfyError; mayHaveArrived: boolean }
  /** An answer that is not ComfyUI's verdict (500 text, a proxy's page): look the id up as well. */
  | { kind: 'unexpected'; status: number; body: string };

function submissionBody({ promptId, clientId, graphJson, extraDataJson }: Submission): string | Buffer {
  // Never `number` (the same number twice kills the worker) and never `front`.
  const ids = `,"prompt_id":${JSON.stringify(promptId)},"client_id":${JSON.stringify(clientId)}`;
  const tail = extraDataJson === undefined ? `${ids}}` : `${ids},"extra_data":${extraDataJson}}`;
  if (typeof graphJson === 'string') return `{"prompt":${graphJson}${tail}`;
  return Buffer.concat([Buffer.from('{"prompt":'), ...graphJson, Buffer.from(tail)]);
}

export async function submitPrompt(http: Http, submission: Submission): Promise<SubmitOutcome> {
  if (submission.promptId === '' || submission.clientId === '') {
    throw new ComfyError('argument', 'a submission needs a prompt id and a client id', { mayHaveArrived: false });
  }
  let reply: HttpReply;
  try {
    reply = await http.send({
      method: 'POST',
      path: '/prompt',
      body: submissionBody(submission),
      contentType: 'application/json',
      ...(submission.mayBegin === undefined ? {} : { mayBegin: submission.mayBegin }),
    });
  } catch (error) {
    if (!(error instanceof ComfyError)) throw error;
    return { kind: 'unreachable', reason: error.kind, cause: error, mayHaveArrived: error.mayHaveArrived };
  }
  return judgeReply(reply);
}

function judgeReply(reply: HttpReply): SubmitOutcome {
  const unexpected: SubmitOutcome = { kind: 'unexpected', status: reply.status, body: bodyHead(reply) };
  if (reply.status === 413) return tooLarge(reply);
  if ((reply.status !== 200 && reply.status !== 400) || reply.isCut) return unexpected;
  const answer = tryParseJson(reply.body.toString('utf8'));
  const nodeErrors = readNodeErrors(readField(answer, 'node_errors'));
  if (reply.status === 200) {
    const promptId = readString(answer, 'prompt_id');
    return promptId === undefined ? unexpected : { kind: 'queued', promptId, nodeErrors };
  }
  const error = readField(answer, 'error');
  // Custom front doors also write {"error": "text"}.
  if (!isJsonObject(error) && typeof error !== 'string') return unexpected;
  return { kind: 'refused', status: 400, error: readPromptError(error), nodeErrors };
}

function tooLarge(reply: HttpReply): SubmitOutcome {
  const error = { type: 'body_too_large', message: bodyHead(reply), details: '', extraInfo: {} };
  return { kind: 'refused', status: 413, error, nodeErrors: new Map() };
}

function readPromptError(value: JsonValue): PromptError {
  if (typeof value === 'string') return { type: 'unknown', message: value, details: '', extraInfo: {} };
  return {
    type: readString(value, 'type') ?? 'unknown',
    message: readString(value, 'message') ?? '',
    details: readString(value, 'details') ?? '',
    extraInfo: readObject(value, 'extra_info') ?? {},
  };
}

function readNodeErrors(value: JsonValue | undefined): Map<string, NodeErrors> {
  const result = new Map<string, NodeErrors>();
  if (!isJsonObject(value)) return result;
  for (const [nodeId, entry] of Object.entries(value)) {
    result.set(nodeId, {
      classType: readString(entry, 'class_type'),
      errors: (readArray(entry, 'errors') ?? []).map(readPromptError),
      dependentOutputs: readIds(entry, 'dependent_outputs'),
    });
  }
  return result;
}
