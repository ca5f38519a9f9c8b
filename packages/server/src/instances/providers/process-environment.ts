// What a process of this machine inherits of the service's own environment: what programs need, nothing of what the
// service alone should know. Called by process.ts.

const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TZ|TMPDIR|LD_LIBRARY_PATH|(LC_|CUDA|NVIDIA|HF_|PYTHON).*)$/;

export function inheritedEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)));
}
