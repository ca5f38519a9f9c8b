// Whether the command of a SKU can be run on this machine, in words with the way out. Called by process.ts.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { inheritedEnvironment, serviceEnvironment } from './process-environment.ts';
import type { ProcessSettings } from './process-settings.pure.ts';

export async function findProblem({ command, cwd, env, envFrom }: ProcessSettings): Promise<string | undefined> {
  if (cwd !== undefined && !(await isFolder(cwd))) {
    return `the folder ${cwd} is not there: "cwd" in comfleet.config.json has to name the folder of ComfyUI`;
  }
  const unset = envFrom.find((name) => (serviceEnvironment()[name] ?? '') === '');
  if (unset !== undefined) return `the variable ${unset} is not set: "env_from" in comfleet.config.json names it`;
  const [program = ''] = command;
  if (program.includes('/')) {
    if (await isProgram(resolve(cwd ?? '.', program))) return undefined;
    return `${program} cannot be run: it is not there, or no program; look at "command" in comfleet.config.json`;
  }
  const path = env['PATH'] ?? inheritedEnvironment()['PATH'] ?? '';
  for (const dir of path.split(delimiter)) if (await isProgram(resolve(dir, program))) return undefined;
  return `the program "${program}" is not in the PATH of the service: name it with its whole path in "command" of comfleet.config.json`;
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function isProgram(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => stat(path).then((found) => found.isFile()),
    () => false,
  );
}
