// The websocket side: who is connected under which session id, and ComfyUI's routing (server.py:send). A message with no
// session id goes to everybody; one for an id that is not connected is dropped. Called by the runner and the HTTP server.
import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { FaultControl } from './faults/fault-control.ts';
import { dumps } from './python/dumps.pure.ts';
import { SERVER_FEATURES } from './server-features.ts';

export interface Sockets {
  accept(socket: WebSocket, requestedId: string): void;
  send(frame: string | Buffer, clientId: string | undefined): void;
  supportsPreviewMetadata(clientId: string | undefined): boolean;
  count(): number;
  closeAll(): void;
}

interface SocketDeps {
  faults: FaultControl;
  queueRemaining(): number;
  /** The node that runs now for this client, which a reconnecting one is told. */
  runningNode(clientId: string): string | undefined;
  onCountChange(): void;
}

interface Session {
  socket: WebSocket;
  hasPreviewMetadata: boolean;
  frames: number;
}

export function createSockets({ faults, queueRemaining, runningNode, onCountChange }: SocketDeps): Sockets {
  const sessions = new Map<string, Session>();
  const open = new Set<WebSocket>();

  function deliver(session: Session, frame: string | Buffer): void {
    const limits = faults.websocket();
    if (limits?.silent) return;
    session.frames += 1;
    session.socket.send(frame);
    if (limits?.closeAfterFrames === undefined || session.frames < limits.closeAfterFrames) return;
    faults.take('websocket');
    session.socket.terminate();
  }

  function greet(session: Session, clientId: string): void {
    const status = { status: { exec_info: { queue_remaining: queueRemaining() } }, sid: clientId };
    deliver(session, dumps({ type: 'status', data: status }));
    const node = runningNode(clientId);
    if (node !== undefined) deliver(session, dumps({ type: 'executing', data: { node } }));
  }

  function readFirstMessage(session: Session, text: string): void {
    const flags = parseFeatureFlags(text);
    if (!flags) return;
    session.hasPreviewMetadata = flags.supports_preview_metadata === true;
    deliver(session, dumps({ type: 'feature_flags', data: SERVER_FEATURES }));
  }

  function accept(socket: WebSocket, requestedId: string): void {
    const clientId = requestedId || randomBytes(16).toString('hex');
    const session: Session = { socket, hasPreviewMetadata: false, frames: 0 };
    sessions.set(clientId, session);
    open.add(socket);
    onCountChange();
    socket.once('message', (data, isBinary) => {
      if (!isBinary) readFirstMessage(session, String(data));
    });
    socket.on('error', () => {
      // A broken connection closes next; there is nobody to tell.
    });
    socket.on('close', () => {
      // ComfyUI removes whatever is registered under the id, even a newer connection: that one then hears nothing more.
      sessions.delete(clientId);
      open.delete(socket);
      onCountChange();
    });
    greet(session, clientId);
  }

  return {
    accept,
    send(frame, clientId) {
      if (clientId === undefined) {
        for (const session of sessions.values()) deliver(session, frame);
        return;
      }
      const session = sessions.get(clientId);
      if (session) deliver(session, frame);
    },
    supportsPreviewMetadata: (clientId) =>
      clientId !== undefined && sessions.get(clientId)?.hasPreviewMetadata === true,
    count: () => open.size,
    closeAll() {
      for (const socket of open) socket.terminate();
    },
  };
}

function parseFeatureFlags(text: string): Record<string, unknown> | undefined {
  try {
    const message = JSON.parse(text) as { type?: unknown; data?: unknown } | null;
    if (message?.type !== 'feature_flags') return undefined;
    const { data } = message;
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  } catch {
    return undefined; // ComfyUI logs and ignores what is not JSON
  }
}
