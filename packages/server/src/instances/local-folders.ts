// The output folder of a ComfyUI on this machine: reading its files spares it a request each. What it says is a claim; a
// file is only read from the folder named after the attempt, which nobody else could have made there
// (execution/fetch-file.ts). Asked by instance-steps.ts for instances at fixed URLs.
import { describeError, type Log } from '../telemetry/log.ts';
import type { Instance } from './instance.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

export async function findFolders(log: Log, instance: Instance): Promise<void> {
  if (!LOOPBACK.test(new URL(instance.connection.baseUrl).hostname)) return;
  try {
    const output = await instance.connection.client.outputFolder();
    instance.folders = output === undefined ? undefined : { output, temp: undefined, isOwn: false };
  } catch (error) {
    log.debug({ instanceId: instance.id, ...describeError(error) }, 'the output folder is not known');
  }
}
