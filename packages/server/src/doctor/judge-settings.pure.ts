// What is dangerous about settings that are each allowed. Called by check-start.ts.
import type { Finding } from './finding.ts';

export interface JudgedSettings {
  readonly host: string;
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly secrets: Readonly<Record<string, string | undefined>>;
}

interface NamedSku {
  readonly sku: string;
  readonly provider: string | undefined;
}

const LOOPBACK = /^(127\.|localhost$|::1$)/;
/** Words of examples, and what is quickly typed. */
const EXAMPLE = /change.?me|example|secret|passw|placeholder|your.?token|01234567|12345678|abcdefgh|^(.)\1+$/i;

export function judgeSettings(settings: JudgedSettings): Finding[] {
  const isPublic = !LOOPBACK.test(settings.host);
  const secrets = Object.entries(settings.secrets).flatMap(([name, value]) =>
    value === undefined ? [] : [judgeSecret(name, value, isPublic)],
  );
  return [judgeAddress(settings, isPublic), ...secrets];
}

export const HARDWARE = 'hardware';

/** Read as it is for the sake of catalogues that only show the word; whoever forgot the block wonders where his ComfyUI is. */
export function judgeHardware(skus: readonly NamedSku[], blocks: ReadonlyMap<string, unknown>): Finding[] {
  return skus.flatMap(({ sku, provider }) => {
    if ((provider !== 'process' && provider !== 'docker') || blocks.has(sku)) return [];
    const says = `"${sku}" names the provider "${provider}" and has no "${provider}": {…} of its own, so its deployments run on the default pool (--comfyui, or the built-in emulator). docs/hardware.md has an example.`;
    return [{ verdict: 'warn', what: HARDWARE, says }];
  });
}

function judgeAddress({ host, publicUrl, allowedHosts }: JudgedSettings, isPublic: boolean): Finding {
  const what = 'public address';
  if (!isPublic) return { verdict: 'ok', what, says: `only this machine (HOST=${host})` };
  const base = publicUrl ?? (allowedHosts.length > 0 ? allowedHosts.join(' or ') : undefined);
  if (base !== undefined) return { verdict: 'ok', what, says: `URLs begin with ${base}` };
  const says = `HOST=${host} lets other machines in, and without COMFLEET_PUBLIC_URL (or COMFLEET_ALLOWED_HOSTS) no call by another name than localhost can be answered. Set COMFLEET_PUBLIC_URL to the address that callers use.`;
  return { verdict: 'warn', what, says };
}

function judgeSecret(name: string, value: string, isPublic: boolean): Finding {
  const what = 'secrets';
  if (!EXAMPLE.test(value)) return { verdict: 'ok', what, says: `${name} is set` };
  const says = `${name} looks like an example: make one with "openssl rand -hex 24".`;
  return { verdict: isPublic ? 'fail' : 'warn', what, says };
}
