// A TCP line that can be made bad: whatever passes between a client and a server can be cut, held in one direction, late,
// reset in the middle, or slow. What TCP would deliver after all is delivered: held bytes come when the line is good again.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type LineFault =
  | { readonly kind: 'cut' }
  | { readonly kind: 'one-way'; readonly lost: Direction }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'reset'; readonly of: Direction; readonly afterBytes: number }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number };

/** `up`: from who connects to who listens. */
export type Direction = 'up' | 'down';

export type Ear = (piece: Buffer) => void;

export interface Line {
  readonly port: number;
  /** Holds until the next call. */
  misbehave(fault: LineFault): void;
  /** Good again; how many connections or pieces of data the fault met. */
  heal(): number;
  /** What goes up from now on is heard as it comes in, each connection by an ear of its own. */
  listen(makeEar: () => Ear): void;
  stop(): Promise<void>;
}

const SLICE_MS = 100;
const HELD_BYTES = 1024 * 1024;

export async function openLine(to: NetConnectOpts): Promise<Line> {
  const state = createState();
  const server = createServer({ allowHalfOpen: true }, (near) => join(state, near, to));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    misbehave(fault) {
      state.change(fault);
      if (fault.kind === 'cut') for (const cut of state.open) cut();
    },
    heal() {
      const { met } = state;
      state.change(undefined);
      return met;
    },
    listen(makeEar) {
      state.makeEar = makeEar;
    },
    async stop() {
      state.change(undefined);
      server.close();
      for (const cut of state.open) cut();
      await once(server, 'close');
    },
  };
}

interface State {
  fault: LineFault | undefined;
  met: number;
  makeEar: (() => Ear) | undefined;
  /** Each breaks one connection. */
  readonly open: Set<() => void>;
  change(fault: LineFault | undefined): void;
  changed(): Promise<void>;
}

function createState(): State {
  let waiting: (() => void)[] = [];
  const state: State = {
    fault: undefined,
    met: 0,
    makeEar: undefined,
    open: new Set(),
    change(fault) {
      state.fault = fault;
      state.met = 0;
      for (const go of waiting) go();
      waiting = [];
    },
    changed: () => new Promise((resolve) => waiting.push(resolve)),
  };
  return state;
}

function join(state: State, near: Socket, to: NetConnectOpts): void {
  if (state.fault?.kind === 'cut') {
    state.met += 1;
    near.resetAndDestroy();
    return;
  }
  const far = connect({ ...to, allowHalfOpen: true } as NetConnectOpts);
  const cut = () => {
    if (state.fault !== undefined) state.met += 1;
    breakOff(near);
    breakOff(far);
  };
  state.open.add(cut);
  for (const socket of [near, far]) {
    socket.on('error', () => {
      breakOff(near);
      breakOff(far);
    });
    socket.on('close', () => state.open.delete(cut));
  }
  carry(state, { from: near, to: far, direction: 'up', cut });
  carry(state, { from: far, to: near, direction: 'down', cut });
}

/** A UNIX socket knows no reset. */
function breakOff(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

interface Way {
  readonly from: Socket;
  readonly to: Socket;
  readonly direction: Direction;
  cut(): void;
}

// One piece after the other, each with the fault that holds when its turn comes; being late counts from its arrival.
function carry(state: State, way: Way): void {
  const { from, to } = way;
  let tail: Promise<void> = Promise.resolve();
  let held = 0;
  let ear: Ear | undefined;
  from.on('data', (piece: Buffer) => {
    if (way.direction === 'up') ear ??= state.makeEar?.();
    ear?.(piece);
    const arrivedAt = performance.now();
    held += piece.length;
    if (held > HELD_BYTES) from.pause();
    tail = tail.then(async () => {
      await deliver(state, way, { piece, arrivedAt });
      held -= piece.length;
      if (held <= HELD_BYTES) from.resume();
    });
  });
  from.on('end', () => {
    tail = tail.then(() => void to.end());
  });
}

async function deliver(
  state: State,
  way: Way,
  { piece, arrivedAt }: { piece: Buffer; arrivedAt: number },
): Promise<void> {
  const { fault } = state;
  if (fault === undefined) return write(way.to, piece);
  switch (fault.kind) {
    case 'cut':
      return way.cut();
    case 'one-way':
      if (fault.lost !== way.direction) return write(way.to, piece);
      state.met += 1;
      await state.changed();
      return await deliver(state, way, { piece, arrivedAt });
    case 'late':
      state.met += 1;
      await sleep(Math.max(0, arrivedAt + fault.ms - performance.now()));
      return write(way.to, piece);
    case 'reset':
      if (fault.of !== way.direction) return write(way.to, piece);
      write(way.to, piece.subarray(0, fault.afterBytes));
      // What was written leaves first.
      await sleep(1);
      return way.cut();
    case 'slow':
      state.met += 1;
      return await trickle(state, way.to, { piece, sliceBytes: (fault.bytesPerSecond * SLICE_MS) / 1000 });
  }
}

async function trickle(
  state: State,
  to: Socket,
  { piece, sliceBytes }: { piece: Buffer; sliceBytes: number },
): Promise<void> {
  let sent = 0;
  while (sent < piece.length && state.fault?.kind === 'slow' && !to.destroyed) {
    write(to, piece.subarray(sent, sent + sliceBytes));
    sent += sliceBytes;
    await sleep(SLICE_MS);
  }
  write(to, piece.subarray(sent));
}

function write(to: Socket, bytes: Buffer): void {
  if (!to.destroyed && to.writable && bytes.length > 0) to.write(bytes);
}
