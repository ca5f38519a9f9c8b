// What instances inherit of the service's own environment: processes of this machine what programs need, and both they and
// containers what their hardware names; nothing else of what the service alone should know. Called by process.ts and docker.ts.
import { soundsSecret } from './service-secrets.pure.ts';

const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TZ|TMPDIR|LD_LIBRARY_PATH|(LC_|CUDA|NVIDIA|HF_|PYTHON).*)$/;

/** The whole of it, to take named variables from. */
export function serviceEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

export function inheritedEnvironment(named: readonly string[] = []): Record<string, string | undefined> {
  const isPassedOn = (name: string) => named.includes(name) || (PASSED_ON.test(name) && !soundsSecret(name));
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isPassedOn(name)));
}
