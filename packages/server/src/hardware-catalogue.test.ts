import { DEFAULT_HARDWARE } from '@comfleet/api';
import { expect, it } from 'vitest';
import { type CatalogueSettings, readCatalogue } from './hardware-catalogue.ts';

function read(entries: unknown, settings: Partial<CatalogueSettings> = {}) {
  const problems: string[] = [];
  const all: CatalogueSettings = { entries, defaultSku: undefined, withoutProvider: 'default-pool', ...settings };
  return { catalogue: readCatalogue(all, problems), problems };
}

const NEW = { sku: 'MY_GPU', gpu: 'RTX 4090', vram_gb: 24, ram_gb: 64, vcpus: 16, price_per_hour_usd: 0.45 };

it('without configuration the default catalogue holds', () => {
  const { catalogue, problems } = read(undefined);
  expect(problems).toEqual([]);
  expect(catalogue.usable).toEqual(DEFAULT_HARDWARE.map(({ sku }) => sku));
  expect(catalogue.defaultSku).toBe('TURING_16');
});

it('an entry adds a SKU, changes what it names of a known one, or takes one off', () => {
  const { catalogue, problems } = read([
    { ...NEW, default: true },
    { sku: 'TURING_16', price_per_hour_usd: 0.123456, provider: 'static' },
    { sku: 'HOPPER_141', is_offered: false },
  ]);
  expect(problems).toEqual([]);
  expect(catalogue.defaultSku).toBe('MY_GPU');
  expect(catalogue.skus.find(({ sku }) => sku === 'MY_GPU')).toEqual({
    sku: 'MY_GPU',
    gpu: 'RTX 4090',
    vramGb: 24,
    ramGb: 64,
    vcpus: 16,
    pricePerHourMicrodollars: 450_000,
    provider: undefined,
  });
  expect(catalogue.skus.find(({ sku }) => sku === 'TURING_16')).toMatchObject({
    gpu: 'T4, A4000',
    vramGb: 16,
    pricePerHourMicrodollars: 123_456,
    provider: 'static',
  });
  expect(catalogue.usable).not.toContain('HOPPER_141');
});

it('COMFLEET_DEFAULT_SKU wins over the default of the file', () => {
  expect(read([{ ...NEW, default: true }], { defaultSku: 'AMPERE_48' }).catalogue.defaultSku).toBe('AMPERE_48');
});

it('a SKU without a provider can be made unusable', () => {
  const { catalogue, problems } = read([{ ...NEW, provider: 'process' }], { withoutProvider: 'error' });
  expect(problems).toEqual([]);
  expect(catalogue.usable).toEqual(['MY_GPU']);
  expect(catalogue.defaultSku).toBe('MY_GPU');
  expect(read(undefined, { withoutProvider: 'error' }).problems).toEqual([expect.stringContaining('no SKU is left')]);
});

it.each<[string, unknown, RegExp[]]>([
  ['no list', { sku: 'A' }, [/expected a list of SKUs/]],
  ['an entry that is no object', ['TURING_16'], [/hardware\[0\]: expected an object/]],
  ['no name', [{ gpu: 'A' }], [/hardware\[0\]\.sku: is missing/]],
  ['a bad name', [{ sku: 'a b' }], [/hardware\[0\]\.sku: "a b": expected a name/]],
  ['a new SKU that is not whole', [{ sku: 'X', gpu: 'A' }], [/also needs vram_gb, ram_gb, vcpus, price_per_hour_usd/]],
  [
    'a misspelt key',
    [{ ...NEW, price_per_hour_usds: 1 }],
    [/unknown key "price_per_hour_usds" \(did you mean "price_per_hour_usd"\?\)/],
  ],
  ['one SKU twice', [NEW, NEW], [/hardware\[1\]\.sku: "MY_GPU" is there twice/]],
  [
    'two defaults',
    [
      { ...NEW, default: true },
      { sku: 'TURING_16', default: true },
    ],
    [/only one SKU can be the default/],
  ],
  [
    'a misspelt provider',
    [{ ...NEW, provider: 'proces' }],
    [
      /^hardware\[0\]\.provider: "proces": expected one of static, process, docker, kubernetes \(did you mean "process"\?\)$/,
    ],
  ],
  ['an unknown provider', [{ ...NEW, provider: 'cloud' }], [/provider: "cloud": expected one of static, process/]],
  [
    'bad values, all at once',
    [
      {
        sku: 'TURING_16',
        vram_gb: -1,
        ram_gb: '16',
        vcpus: 1.5,
        price_per_hour_usd: 0.1234567,
        gpu: '',
        default: 'yes',
      },
    ],
    [/gpu: ""/, /vram_gb: -1/, /ram_gb: "16"/, /vcpus: 1.5: expected a whole/, /at most 6 decimals/, /default: "yes"/],
  ],
])('%s is a problem', (_what, entries, expected) => {
  const { problems } = read(entries);
  expect(problems).toHaveLength(expected.length);
  expect(problems).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

it('a default that is no SKU is a problem, with the one that was meant', () => {
  expect(read(undefined, { defaultSku: 'TURIN_16' }).problems).toEqual([
    expect.stringMatching(/COMFLEET_DEFAULT_SKU "TURIN_16" cannot be used; .* \(did you mean "TURING_16"\?\)/),
  ]);
});
