// Asks F (peers/fake-comfyui.ts) for what a real ComfyUI cannot tell: when each prompt came, began and ended.

export type Stamp = readonly [receivedAt: number, startedAt: number, endedAt: number];

/** By prompt id, in the order of arrival; monotonic milliseconds. */
export async function readStamps(url: string): Promise<Map<string, Stamp>> {
  const reply = await fetch(`${url}/bench/stamps`);
  return new Map(Object.entries((await reply.json()) as Record<string, Stamp>));
}

/** A step of the prompt that runs, as its node would tell it. */
export async function sendProgress(url: string, step: { value: number; max: number }): Promise<void> {
  const reply = await fetch(`${url}/bench/progress`, { method: 'POST', body: JSON.stringify(step) });
  await reply.arrayBuffer();
}

export async function setServiceTime(url: string, serviceMs: number): Promise<void> {
  const reply = await fetch(`${url}/bench/service`, { method: 'POST', body: JSON.stringify({ serviceMs }) });
  await reply.arrayBuffer();
}
