// The SKUs that this server has: the default catalogue, with what comfleet.config.json's `hardware` changes and adds.
// Read by config.ts; every problem is listed at the start. Deployments are validated against it, billing prices by it.
import { type CatalogueSku, DEFAULT_HARDWARE, DEFAULT_SKU, type HardwareCatalogue, listNearest } from '@comfleet/api';

const PROVIDERS = ['static', 'process', 'docker', 'kubernetes'];
const MAX_PRICE_USD = 1_000_000;
const NUMBERS = ['vram_gb', 'ram_gb', 'vcpus', 'price_per_hour_usd'] as const;
const EXPECTED = {
  vram_gb: 'a number of at least 0',
  ram_gb: 'a number of at least 0',
  vcpus: 'a whole number of at least 0',
  price_per_hour_usd: `dollars from 0 to ${MAX_PRICE_USD} with at most 6 decimals`,
} as const;
const KEYS = ['sku', 'gpu', ...NUMBERS, 'provider', 'urls', 'process', 'docker', 'kubernetes', 'default', 'is_offered'];

export interface CatalogueSettings {
  /** The value of `hardware`, whatever it is; undefined when there is none. */
  readonly entries: unknown;
  /** COMFLEET_DEFAULT_SKU. */
  readonly defaultSku: string | undefined;
  /** Whether a SKU that names no provider runs on the default pool, or cannot be used. */
  readonly withoutProvider: 'default-pool' | 'error';
}

export function readCatalogue(settings: CatalogueSettings, problems: string[]): HardwareCatalogue {
  const skus = new Map<string, CatalogueSku>(DEFAULT_HARDWARE.map((sku) => [sku.sku, { ...sku, provider: undefined }]));
  const named = new Set<string>();
  const defaults: string[] = [];
  for (const [index, entry] of listEntries(settings.entries, problems).entries()) {
    const reader = createEntryReader(entry, `hardware[${index}]`, problems);
    const sku = reader?.sku();
    if (reader === undefined || sku === undefined) continue;
    if (named.has(sku)) problems.push(`hardware[${index}].sku: "${sku}" is there twice`);
    named.add(sku);
    const merged = reader.merge(sku, skus.get(sku));
    if (reader.flag('is_offered') === false) skus.delete(sku);
    else if (merged !== undefined) skus.set(sku, merged);
    if (reader.flag('default') === true) defaults.push(sku);
  }
  const all = [...skus.values()];
  const usable = all.filter((sku) => settings.withoutProvider === 'default-pool' || sku.provider !== undefined);
  if (usable.length === 0) {
    problems.push(
      'hardware: no SKU is left to use: offer one, and name its provider if COMFLEET_SKU_WITHOUT_PROVIDER=error',
    );
  }
  const names = usable.map(({ sku }) => sku);
  return { skus: all, usable: names, defaultSku: chooseDefault(names, { ...settings, defaults }, problems) };
}

function listEntries(entries: unknown, problems: string[]): unknown[] {
  if (entries === undefined) return [];
  if (Array.isArray(entries)) return entries;
  problems.push('hardware in comfleet.config.json: expected a list of SKUs, [{"sku": …, "price_per_hour_usd": …}, …]');
  return [];
}

function chooseDefault(
  usable: readonly string[],
  { defaultSku, defaults }: { defaultSku: string | undefined; defaults: readonly string[] },
  problems: string[],
): string {
  if (defaults.length > 1) problems.push(`hardware: only one SKU can be the default, not ${defaults.join(', ')}`);
  const wished = defaultSku ?? defaults[0];
  if (wished !== undefined && !usable.includes(wished)) {
    const where = defaultSku === undefined ? 'hardware: the default SKU' : 'COMFLEET_DEFAULT_SKU';
    problems.push(`${where} "${wished}" cannot be used; there are ${usable.join(', ')}${tip(wished, usable)}`);
  }
  return wished ?? (usable.includes(DEFAULT_SKU) ? DEFAULT_SKU : (usable[0] ?? DEFAULT_SKU));
}

function tip(name: string, candidates: readonly string[]): string {
  const [near] = listNearest(name, candidates, 1);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

function createEntryReader(entry: unknown, where: string, problems: string[]) {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) {
    problems.push(`${where}: expected an object such as {"sku": "MY_GPU", "price_per_hour_usd": 0.5}`);
    return undefined;
  }
  const values = new Map<string, unknown>(Object.entries(entry));
  for (const key of values.keys()) {
    if (!KEYS.includes(key))
      problems.push(`${where}: unknown key "${key}"${tip(key, KEYS)}; known: ${KEYS.join(', ')}`);
  }

  function text(key: string, pattern: RegExp, expected: string): string | undefined {
    const value = values.get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && pattern.test(value)) return value;
    problems.push(`${where}.${key}: ${JSON.stringify(value)}: expected ${expected}`);
    return undefined;
  }

  function number(key: (typeof NUMBERS)[number]): number | undefined {
    const value = values.get(key);
    if (value === undefined) return undefined;
    const isFit = typeof value === 'number' && Number.isFinite(value) && value >= 0;
    if (key === 'price_per_hour_usd') return (isFit ? readPrice(value) : undefined) ?? refuse();
    return isFit && (key !== 'vcpus' || Number.isInteger(value)) ? value : refuse();

    function refuse(): undefined {
      problems.push(`${where}.${key}: ${JSON.stringify(value)}: expected ${EXPECTED[key]}`);
    }
  }

  return {
    sku(): string | undefined {
      if (!values.has('sku')) problems.push(`${where}.sku: is missing`);
      return text('sku', /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, 'a name of 1 to 100 letters, digits, "_", "." and "-"');
    },
    flag(key: 'default' | 'is_offered'): boolean | undefined {
      const value = values.get(key);
      if (value === undefined || typeof value === 'boolean') return value;
      problems.push(`${where}.${key}: ${JSON.stringify(value)}: expected true or false`);
      return undefined;
    },
    /** What the entry leaves out stays as it was; a new SKU has to be whole. */
    merge(sku: string, known: CatalogueSku | undefined): CatalogueSku | undefined {
      const missing = known ? [] : ['gpu', ...NUMBERS].filter((key) => !values.has(key));
      if (missing.length > 0 && values.get('is_offered') !== false) {
        problems.push(`${where}: "${sku}" is a new SKU, so it also needs ${missing.join(', ')}`);
      }
      const base = known ?? { sku, gpu: '', vramGb: 0, ramGb: 0, vcpus: 0, pricePerHourMicrodollars: 0 };
      const wished = String(values.get('provider'));
      const expected = `one of ${PROVIDERS.join(', ')}${PROVIDERS.includes(wished) ? '' : tip(wished, PROVIDERS)}`;
      const provider = text('provider', new RegExp(`^(${PROVIDERS.join('|')})$`), expected);
      return {
        sku,
        gpu: text('gpu', /^[^\p{Cc}]{1,200}$/u, 'a text of 1 to 200 characters') ?? base.gpu,
        vramGb: number('vram_gb') ?? base.vramGb,
        ramGb: number('ram_gb') ?? base.ramGb,
        vcpus: number('vcpus') ?? base.vcpus,
        pricePerHourMicrodollars: number('price_per_hour_usd') ?? base.pricePerHourMicrodollars,
        provider: provider ?? known?.provider,
      };
    },
  };
}

/** Whole microdollars: what is billed is what the operator wrote. */
function readPrice(usd: number): number | undefined {
  const microdollars = Math.round(usd * 1_000_000);
  return usd <= MAX_PRICE_USD && Number((microdollars / 1_000_000).toFixed(6)) === usd ? microdollars : undefined;
}
