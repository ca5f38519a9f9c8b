// What runs in the Pods of faulty-cluster.ts: emulators on one port, each at an address of its own (on Linux all of
// 127.0.0.0/8 is this machine; elsewhere they share one), or a listener that never says a word.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmulator } from '@comfleet/emulator';

type Stop = () => Promise<void>;

export interface PodProcesses {
  readonly port: number;
  has(name: string): boolean;
  begin(name: string, wish: { isSilent: boolean; onUp: (address: string) => void }): void;
  end(name: string): Promise<void>;
  stop(): Promise<void>;
}

export async function createPodProcesses(): Promise<PodProcesses> {
  const dir = mkdtempSync(join(tmpdir(), 'comfleet-pods-'));
  const running = new Map<string, Promise<Stop>>();
  const shared = await runEmulator({ dir, host: '127.0.0.1', port: 0 });
  const { port } = shared;
  let addresses = 0;

  async function start(name: string, isSilent: boolean): Promise<{ address: string; stop: Stop }> {
    if (process.platform !== 'linux') return { address: '127.0.0.1', stop: async () => undefined };
    addresses += 1;
    const address = `127.1.${addresses >> 8}.${addresses & 255}`;
    const made = isSilent
      ? await listenSilently(address, port)
      : await runEmulator({ dir: join(dir, name), host: address, port });
    return { address, stop: made.stop };
  }

  async function end(name: string): Promise<void> {
    const stop = await running.get(name);
    running.delete(name);
    await stop?.();
  }

  return {
    port,
    has: (name) => running.has(name),
    begin(name, { isSilent, onUp }) {
      const started = start(name, isSilent);
      running.set(
        name,
        started.then(({ stop }) => stop),
      );
      void started.then(({ address }) => running.has(name) && onUp(address));
    },
    end,
    async stop() {
      await Promise.all([...running.keys()].map(end));
      await shared.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function runEmulator({ dir, host, port }: { dir: string; host: string; port: number }) {
  const emulator = createEmulator({ baseDir: dir, nullExec: true, host, port });
  const started = await emulator.start();
  return { port: started.port, stop: () => emulator.stop() };
}

async function listenSilently(host: string, port: number): Promise<{ stop: Stop }> {
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
