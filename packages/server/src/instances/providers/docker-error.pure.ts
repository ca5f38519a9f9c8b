// What goes wrong with a Docker engine, in words with the way out: the engine itself, the registry, the start of a container.
// Pure; asked by docker-api.ts and its neighbours.

export interface EngineFailure {
  /** HTTP status; undefined where there was no answer. */
  readonly code: number | undefined;
  /** Of the connection: ECONNREFUSED, ENOENT … */
  readonly reason: string | undefined;
  readonly message: string;
}

/** A thrown thing of the client library: an answer that is none of the 200s, or a connection that failed. */
export function readFailure(error: unknown): EngineFailure {
  if (!isRecord(error)) return { code: undefined, reason: undefined, message: String(error) };
  const { statusCode, code, json, message, name } = error;
  const told = isRecord(json) && typeof json['message'] === 'string' ? json['message'] : message;
  const words = typeof told === 'string' ? told.replace(/^\(HTTP code \d+\) .*? - /s, '').trim() : '';
  return {
    code: typeof statusCode === 'number' ? statusCode : undefined,
    reason: typeof code === 'string' ? code : name === 'TimeoutError' ? 'TIMEOUT' : undefined,
    message: words === '' ? 'no reason given' : words,
  };
}

/** Trouble of the connection that only a person can end: no socket, no permission, no name, wrong certificates. */
const LASTING = /^(ENOENT|EACCES|ENOTFOUND|EPROTO|CERT_|ERR_TLS|ERR_SSL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERR_INVALID)/;

/** Whether the same call may well succeed in a moment: an engine that restarts, a connection that was cut. */
export function isPassing({ code, reason }: EngineFailure): boolean {
  if (code === undefined) return !LASTING.test(reason ?? '') && reason !== 'TIMEOUT' && reason !== 'ABORT_ERR';
  return code === 503 || code === 502;
}

/** Whether waiting helps nobody. */
export function isHopeless({ code, reason }: EngineFailure): boolean {
  return code === undefined ? LASTING.test(reason ?? '') : code < 500;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** The pause after failure number `tries`; `random` from 0 to 1 keeps many clients from coming back together. */
export function pauseMs(tries: number, random: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS) * (0.5 + random / 2);
}

/** No answer, or one that has nothing to do with what was asked. */
export function explainEngine(failure: EngineFailure, engine: string): string {
  const { code, reason, message } = failure;
  if (code === 401 || code === 403) return `the Docker engine at ${engine} forbids it (${code}): ${message}`;
  if (code !== undefined) return `the Docker engine at ${engine} refused (${code}): ${message}`;
  if (reason === 'ERR_INVALID_VERSION') return `the Docker engine at ${engine} is too old: ${message}`;
  const hint = hintOf(reason ?? '', message);
  return `the Docker engine at ${engine} does not answer: ${hint === undefined ? message : `${hint} (${message})`}`;
}

function hintOf(reason: string, message: string): string | undefined {
  if (reason === 'ENOENT') return 'it is not there: install and start it, or set DOCKER_HOST or "host" of the hardware';
  if (reason === 'EACCES') return 'no permission for its socket: let the user of comfleet into the group of the socket';
  if (reason === 'ECONNREFUSED') return 'it does not run: systemctl start docker';
  if (/^(CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|ERR_TLS)/.test(reason)) {
    return 'its certificate is not trusted: look at "cert_path", or DOCKER_CERT_PATH';
  }
  if (reason === 'EPROTO' || /HTTPS server|socket hang up/i.test(message)) {
    return 'one of both speaks TLS: "cert_path", or DOCKER_TLS_VERIFY and DOCKER_CERT_PATH';
  }
  return reason === 'TIMEOUT' ? 'it was too slow' : undefined;
}

/** Why an image did not come. `message` is the registry's or the engine's own. */
export function explainPull(message: string, image: string): string {
  const because = (words: string) => `the image ${image} could not be pulled: ${words}: ${message}`;
  if (/toomanyrequests|rate limit/i.test(message)) {
    return because('the registry limits how often; "registry" of the hardware logs in');
  }
  if (/manifest unknown|manifest for .* not found|no matching manifest|not found: manifest/i.test(message)) {
    return because('the registry has no such tag, or not for this kind of machine');
  }
  if (/denied|unauthorized|authentication required|no basic auth/i.test(message)) {
    return because('the name is wrong, or "registry" of the hardware has to log in');
  }
  if (/no such host|lookup .*|dial tcp|timeout|connection refused|TLS handshake|x509/i.test(message)) {
    return because('the engine cannot reach the registry');
  }
  if (/no space left/i.test(message)) return because('the disk of the engine is full (docker system df)');
  return `the image ${image} could not be pulled: ${message}`;
}

interface Start {
  readonly image: string;
  readonly network: string;
}

/** Why a container could not be made or started. */
export function explainStart(failure: EngineFailure, { image, network }: Start, engine: string): string {
  const { code, message } = failure;
  if (code === undefined) return explainEngine(failure, engine);
  const found = START_HINTS.find(([pattern]) => pattern.test(message));
  if (found !== undefined) return `${found[1]}: ${message}`;
  if (code === 404 && /network/i.test(message)) return `the network ${network} is gone: ${message}`;
  if (code === 404) return `the image ${image} is not there: ${message}`;
  return `the Docker engine refused (${code}): ${message}`;
}

const START_HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /could not select device driver|failed to discover GPU vendor|unresolvable CDI/i,
    'the engine has no driver for GPUs: install the NVIDIA Container Toolkit there',
  ],
  [
    /nvidia-container-cli|nvml|libnvidia|unknown device/i,
    'the GPU cannot be used: look at nvidia-smi on the machine of the engine',
  ],
  [/error gathering device information/i, 'a file of "devices" is not there'],
  [/port is already allocated|address already in use/i, 'the port is taken'],
  [/bind source path does not exist|no such volume/i, 'what "mounts" names is not there on the machine of the engine'],
  [/(unknown|invalid) runtime|runtime name|no such runtime/i, 'the engine does not know that "runtime"'],
  [/docker-init/i, 'the engine has no docker-init; install it, or set "init" to false'],
  [
    /executable file not found|no such file or directory|permission denied.*exec|exec format error/i,
    'the command cannot be run',
  ],
  [/unable to find user|no matching entries in (passwd|group)/i, 'the image does not know that "user"'],
  [/no command specified/i, 'the image has no command: name it in "command" or "args"'],
  [/memory limit|Minimum memory|Range of CPUs|shm/i, 'the machine cannot give what is asked for'],
  [/no space left/i, 'the disk of the engine is full (docker system df)'],
];

/** A port that another took between its choice and its use. */
export function isPortTaken({ message }: EngineFailure): boolean {
  return /port is already allocated|address already in use/i.test(message);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}
