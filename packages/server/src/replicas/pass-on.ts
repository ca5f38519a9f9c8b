// One call passed on to the brain, with the caller's own headers: its answer streamed back, or gathered first where this
// replica can answer in the brain's place. Called by forward-calls.ts.
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request as startRequest } from 'node:http';
import { pipeline } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** On every call that was passed on: it is never passed on again. */
export const HOP = 'comfleet-hop';

export type PassedOn =
  | 'answered'
  /** It never reached the brain. */
  | 'not_sent'
  /** It did, and no answer came. */
  | 'unanswered';

interface Question {
  readonly brainUrl: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Read already, so that it can be sent again; undefined: it is streamed. */
  readonly body: Buffer | undefined;
  /** Aborted when the brain is no longer the brain. */
  readonly signal: AbortSignal;
  /** For the whole answer, which is gathered; undefined: it is streamed, for as long as it takes. */
  readonly withinMs?: number | undefined;
  /** Called when the answer has come, before the caller has it. */
  readonly onAnswer?: (() => void) | undefined;
}

const agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
const OF_ONE_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect', 'proxy-connection', 'te'];

export function headersFor({ headers }: FastifyRequest, body: Buffer | undefined): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = { ...headers, [HOP]: '1' };
  for (const name of OF_ONE_HOP) delete passed[name];
  if (body !== undefined && body.length > 0) passed['content-length'] = body.length;
  return passed;
}

export async function passOn(question: Question): Promise<PassedOn> {
  const { request, reply, body, withinMs } = question;
  const timeout = withinMs === undefined ? [] : [AbortSignal.timeout(withinMs)];
  const signal = AbortSignal.any([question.signal, ...timeout]);
  let isSent = false;
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = startRequest(`${question.brainUrl}${request.raw.url ?? ''}`, {
        method: request.method,
        headers: headersFor(request, body),
        agent,
        signal,
      });
      outgoing.once('response', resolve).once('error', reject);
      reply.raw.once('close', () => outgoing.destroy());
      const send = () => {
        isSent = true;
        if (body === undefined) pipeline(request.raw, outgoing, () => undefined);
        else outgoing.end(body);
      };
      // Nothing of the body is taken before there is somebody to give it to.
      outgoing.once('socket', (socket) => (socket.connecting ? socket.once('connect', send) : send()));
    });
    question.onAnswer?.();
    if (withinMs === undefined) streamBack(answer, reply);
    else await gatherBack(answer, reply);
    return 'answered';
  } catch {
    return isSent ? 'unanswered' : 'not_sent';
  }
}

function headersBack({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = { ...headers };
  for (const name of OF_ONE_HOP) delete passed[name];
  return passed;
}

export function streamBack(answer: IncomingMessage, reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(answer.statusCode ?? 502, headersBack(answer));
  // Cut where the brain's was cut: half an answer must not look whole.
  pipeline(answer, reply.raw, () => undefined);
}

async function gatherBack(answer: IncomingMessage, reply: FastifyReply): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  reply.hijack();
  reply.raw.writeHead(answer.statusCode ?? 502, headersBack(answer));
  reply.raw.end(Buffer.concat(parts));
}
