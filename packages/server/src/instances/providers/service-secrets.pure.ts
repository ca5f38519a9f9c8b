// Which variables of its environment the service hands on to instances when the configuration names them: all but those that
// it alone should know. Pure; used where `env_from` is read.
import { type FieldRule, isEnvName } from './settings-fields.pure.ts';

/** Its own settings, its database, its storage's keys, the engine, the cluster, and what authenticates it to collectors. */
const OF_THE_SERVICE = /^(COMFLEET_|DATABASE_URL$|STORAGE_URL$|PG|POSTGRES|AWS_|OTEL_|DOCKER_|KUBE)/i;

export const ENV_FROM: FieldRule = {
  fits: (name) => isEnvName(name) && !OF_THE_SERVICE.test(name),
  expected: 'a variable such as HF_TOKEN, and none of the secrets of comfleet itself',
};

/** By what is in its name: not handed on unless it is named. */
export function soundsSecret(name: string): boolean {
  return /(TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?|HEADERS)S?$/i.test(name);
}
