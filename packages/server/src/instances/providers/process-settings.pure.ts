// How a SKU's instances are started as processes of this machine. Pure; read at the start.
import { ENV_FROM } from './service-secrets.pure.ts';
import { createFieldReader, isEnvName, isPath, isText } from './settings-fields.pure.ts';

export interface ProcessSettings {
  /** Program and arguments; `{port}`, `{base_dir}`, `{gpu}` and `{id}` are filled in. */
  readonly command: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the service that are handed on besides those that programs need. */
  readonly envFrom: readonly string[];
  /** One instance each; empty: no GPU is assigned and `maxInstances` bounds them. */
  readonly gpus: readonly string[];
  readonly maxInstances: number;
}

const KEYS = ['command', 'cwd', 'env', 'env_from', 'gpus', 'max_instances'];
const UNKNOWN_PLACEHOLDER = /(?<!\$)\{(?!(?:port|base_dir|gpu|id)\})[a-z_]{1,20}\}/;
const PART = {
  fits: (text: string) => isText(text) && !UNKNOWN_PLACEHOLDER.test(text),
  expected: 'a text whose placeholders are {port}, {base_dir}, {gpu} and {id}',
};
const PATH = { fits: isPath, expected: 'an absolute path without ".." and ":"' };
const ENV_NAME = { fits: isEnvName, expected: 'a name such as HF_HOME' };
const ENV_VALUE = { fits: (text: string) => !text.includes('\0'), expected: 'a text' };
const GPU = {
  fits: (text: string) => /^[A-Za-z0-9-]{1,64}$/.test(text),
  expected: 'the number or UUID of one as a text, such as "0"',
};
const EXPECTED = 'an object such as {"command": ["python", "main.py", "--port", "{port}"]}';

/** Undefined, with the reasons added to `problems`, where something is wrong. `where` is the path to `value`. */
export function readProcessSettings(value: unknown, where: string, problems: string[]): ProcessSettings | undefined {
  const found: string[] = [];
  const reader = createFieldReader(value, { where, keys: KEYS, expected: EXPECTED, problems: found });
  if (reader !== undefined && !reader.has('command')) {
    reader.problem('command', 'is missing: name the program of a ComfyUI and its arguments');
  }
  const command = reader?.list('command', PART);
  if (command?.length === 0) reader?.problem('command', '[]: expected at least the program');
  const gpus = reader?.list('gpus', GPU) ?? [];
  if (new Set(gpus).size < gpus.length) reader?.problem('gpus', 'one of them is there twice');
  const settings = {
    command: command ?? [],
    cwd: reader?.text('cwd', PATH),
    env: reader?.map('env', ENV_NAME, ENV_VALUE) ?? {},
    envFrom: reader?.list('env_from', ENV_FROM) ?? [],
    gpus,
    maxInstances: reader?.whole('max_instances', { min: 1, max: 1000 }) ?? Math.max(gpus.length, 1),
  };
  problems.push(...found);
  return found.length === 0 ? settings : undefined;
}
