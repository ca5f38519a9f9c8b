// The websockets of callers to instances: opened for an authenticated call, closed with its token, its deployment, its
// instance, or the service. Made by proxy.ts, called by routes.ts; prompts.ts finds the socket whose prompt it sends.
import { randomUUID } from 'node:crypto';
import { ApiError } from '@comfleet/api';
import type { FastifyReply } from 'fastify';
import { WebSocketServer } from 'ws';
import { takeUpgrade, upgradeOf } from '../http/upgrade.ts';
import type { Instance } from '../instances/fleet.ts';
import { toUnreachable } from './forward.ts';
import { openRelay, type Relay } from './relay.ts';

export interface Sockets {
  open(of: { accountId: string; instance: Instance; deploymentId: string; reply: FastifyReply }): Promise<void>;
  find(of: { accountId: string; instanceId: string; callerId: string }): Relay | undefined;
  /** Ends those of a deployment or an instance. */
  closeWhere(matches: (of: { deploymentId: string; instanceId: string }) => boolean, reason: string): void;
  deployments(): string[];
  stop(): void;
}

interface Deps {
  /** Is this Authorization header refused by now? */
  readonly isRefused: (header: string | undefined) => Promise<boolean>;
}

interface Open {
  readonly relay: Relay;
  readonly deploymentId: string;
  readonly header: string | undefined;
}

/** Each is another socket that ComfyUI tells every change of its queue. */
const MOST_PER_ACCOUNT = 32;
const MAX_CALLER_FRAME = 4 * 1024 * 1024;
const RECHECK_MS = 1_000;

export function createSockets({ isRefused }: Deps): Sockets {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_CALLER_FRAME });
  const open = new Map<Relay, Open>();
  /** Accounts of those that the instance has not taken yet: they count too, or many at once would all be let in. */
  const opening: string[] = [];
  // A token that was revoked since ends what it opened.
  const recheck = setInterval(() => {
    for (const { relay, header } of open.values()) {
      isRefused(header).then(
        (refused) => refused && relay.close(1008, 'the token is no longer valid'),
        () => undefined, // the database is away: nothing can have been revoked
      );
    }
  }, RECHECK_MS).unref();

  return {
    async open({ accountId, instance, deploymentId, reply }) {
      const request = reply.request.raw;
      const upgrade = upgradeOf(request);
      if (upgrade === undefined) {
        const msg = 'This path is a websocket: call it with "Connection: Upgrade" and "Upgrade: websocket".';
        throw new ApiError(422001, msg, { detail: [{ loc: ['header', 'upgrade'], msg, type: 'invalid_header' }] });
      }
      const count = [...[...open.keys()].map((relay) => relay.accountId), ...opening].filter(
        (id) => id === accountId,
      ).length;
      if (count >= MOST_PER_ACCOUNT) {
        const message = `The account has ${count} websockets through the proxy, the most there may be.`;
        throw new ApiError(429001, message, { headers: { 'retry-after': '5' } });
      }
      const callerId = new URL(request.url ?? '/', 'http://x').searchParams.get('clientId') || randomUUID();
      const onClosed = (closed: Relay) => void open.delete(closed);
      opening.push(accountId);
      const relay = await openRelay({ accountId, instance, callerId, onClosed })
        .catch((error: unknown) => {
          throw toUnreachable(instance, error);
        })
        .finally(() => opening.splice(opening.indexOf(accountId), 1));
      open.set(relay, { relay, deploymentId, header: request.headers.authorization });
      reply.hijack();
      takeUpgrade(upgrade, reply.raw);
      // A caller that went away meanwhile is told of by no event any more.
      if (upgrade.socket.destroyed) return relay.close(1000, '');
      upgrade.socket.once('close', () => relay.close(1000, ''));
      server.handleUpgrade(request, upgrade.socket, upgrade.head, (caller) => relay.attach(caller));
    },
    find: ({ accountId, instanceId, callerId }) =>
      // The newest of that name, as ComfyUI has it.
      [...open.keys()]
        .reverse()
        .find(
          (relay) => relay.accountId === accountId && relay.instance.id === instanceId && relay.callerId === callerId,
        ),
    closeWhere(matches, reason) {
      for (const { relay, deploymentId } of [...open.values()]) {
        if (matches({ deploymentId, instanceId: relay.instance.id })) relay.close(1001, reason);
      }
    },
    deployments: () => [...open.values()].map(({ deploymentId }) => deploymentId),
    stop() {
      clearInterval(recheck);
      for (const relay of [...open.keys()]) relay.close(1001, 'the service is stopping');
      server.close();
    },
  };
}
