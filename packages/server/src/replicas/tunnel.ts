// A websocket passed on to the brain: both sides' bytes, once the brain has agreed. Called by forward-calls.ts.
import { type IncomingMessage, request as startRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { takeUpgrade, type Upgrade } from '../http/upgrade.ts';
import { headersFor, streamBack } from './pass-on.ts';

interface Question {
  readonly brainUrl: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly upgrade: Upgrade;
  readonly signal: AbortSignal;
}

/** False when the brain could not be asked. */
export function openTunnel({ brainUrl, request, reply, upgrade, signal }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = startRequest(`${brainUrl}${request.raw.url ?? ''}`, {
      headers: { ...headersFor(request, undefined), connection: 'upgrade', upgrade: 'websocket' },
      agent: false,
      signal,
    });
    outgoing.once('error', () => resolve(false));
    outgoing.once('response', (answer) => {
      streamBack(answer, reply);
      resolve(true);
    });
    outgoing.once('upgrade', (answer: IncomingMessage, far: Duplex, head: Buffer) => {
      reply.hijack();
      takeUpgrade(upgrade, reply.raw);
      const { socket: near } = upgrade;
      near.write(writeSwitch(answer));
      if (head.length > 0) near.write(head);
      if (upgrade.head.length > 0) far.write(upgrade.head);
      join(near, far);
      join(far, near);
      resolve(true);
    });
    outgoing.end();
  });
}

function writeSwitch({ rawHeaders }: IncomingMessage): string {
  let text = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    text += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return `${text}\r\n`;
}

/** The one ends with the other. */
function join(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.once('error', () => to.destroy());
  from.once('close', () => to.destroy());
}
