// Whether each ComfyUI that is given by URL answers. Called by run-doctor.ts. One that does not is no reason not to start:
// requests wait for it.
import { type Finding, messageOf, ok, warn } from './finding.ts';

const WITHIN_MS = 3_000;

export async function checkComfyuis(urls: readonly string[]): Promise<Finding[]> {
  return await Promise.all(urls.map(checkOne));
}

async function checkOne(url: string): Promise<Finding> {
  try {
    const reply = await fetch(`${url}/system_stats`, { signal: AbortSignal.timeout(WITHIN_MS) });
    if (!reply.ok) return warn('ComfyUI', `${url} answers ${reply.status} to GET /system_stats: is that a ComfyUI?`);
    const stats = (await reply.json()) as { system?: { comfyui_version?: string } };
    return ok('ComfyUI', `${url} answers (version ${stats.system?.comfyui_version ?? 'unknown'})`);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return warn(
      'ComfyUI',
      `${url} does not answer (${messageOf(cause)}): start it, or correct COMFLEET_COMFYUI. Requests wait until it does.`,
    );
  }
}
