// The peer of rows 1, 4 and 6: prompts posted straight to ComfyUI by workers on a keep-alive pool, one websocket.
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { WebSocket } from 'ws';
import { readyGraph } from './graph.ts';
import { nowMs } from './statistics.ts';

export interface DirectArm {
  /** Posts one prompt; its end is then awaited with `succeeded`. */
  post(prompt: { colour: number; prefix: string; side?: number }): Promise<string>;
  /** The moment execution_success came. */
  succeeded(promptId: string): Promise<number>;
  close(): Promise<void>;
}

export async function openDirectArm(url: string, connections: number): Promise<DirectArm> {
  const pool = new Pool(url, { connections, pipelining: 1 });
  const clientId = randomUUID();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?clientId=${clientId}`);
  const endedAt = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('message', (data, isBinary) => {
    const text = isBinary ? '' : String(data);
    // Only the ends are parsed: a client of this kind has no use for the rest.
    if (!text.startsWith('{"type": "execution_success"') && !text.startsWith('{"type":"execution_success"')) return;
    const promptId: string = JSON.parse(text).data.prompt_id;
    const at = nowMs();
    endedAt.set(promptId, at);
    waiting.get(promptId)?.(at);
    waiting.delete(promptId);
  });
  return {
    async post(prompt) {
      const promptId = randomUUID();
      const body = JSON.stringify({ prompt: readyGraph(prompt), prompt_id: promptId, client_id: clientId });
      const headers = { 'content-type': 'application/json' };
      const reply = await pool.request({ path: '/prompt', method: 'POST', headers, body });
      const answer = (await reply.body.json()) as { prompt_id?: string };
      if (reply.statusCode !== 200 || answer.prompt_id === undefined) {
        throw new Error(`/prompt answered ${reply.statusCode}: ${JSON.stringify(answer)}`);
      }
      return answer.prompt_id;
    },
    succeeded(promptId) {
      const at = endedAt.get(promptId);
      return at === undefined ? new Promise((resolve) => waiting.set(promptId, resolve)) : Promise.resolve(at);
    },
    async close() {
      socket.close();
      await pool.close();
    },
  };
}
