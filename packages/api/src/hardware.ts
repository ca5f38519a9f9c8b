// The default catalogue of hardware (SKUs) and the reply of GET /hardware. Existing programs name these SKUs, so they
// exist unless the operator's configuration says otherwise.
import Type, { type Static } from 'typebox';

export interface HardwareSku {
  readonly sku: string;
  readonly gpu: string;
  readonly vramGb: number;
  readonly ramGb: number;
  readonly vcpus: number;
  /** Integer microdollars, as all money. */
  readonly pricePerHourMicrodollars: number;
}

export const DEFAULT_HARDWARE: readonly HardwareSku[] = [
  { sku: 'TURING_16', gpu: 'T4, A4000', vramGb: 16, ramGb: 16, vcpus: 8, pricePerHourMicrodollars: 990_000 },
  { sku: 'AMPERE_24', gpu: 'A10G, A5000', vramGb: 24, ramGb: 32, vcpus: 8, pricePerHourMicrodollars: 1_750_000 },
  { sku: 'AMPERE_48', gpu: 'A6000', vramGb: 48, ramGb: 48, vcpus: 28, pricePerHourMicrodollars: 2_500_000 },
  { sku: 'ADA_48_PLUS', gpu: 'L40S, L40', vramGb: 48, ramGb: 64, vcpus: 28, pricePerHourMicrodollars: 2_990_000 },
  { sku: 'AMPERE_80', gpu: 'A100', vramGb: 80, ramGb: 96, vcpus: 28, pricePerHourMicrodollars: 4_990_000 },
  { sku: 'ADA_80_PLUS', gpu: 'H100', vramGb: 80, ramGb: 180, vcpus: 28, pricePerHourMicrodollars: 7_490_000 },
  { sku: 'HOPPER_141', gpu: 'H200', vramGb: 141, ramGb: 240, vcpus: 24, pricePerHourMicrodollars: 8_750_000 },
];

/** The SKU of a deployment whose creator named none, unless the configuration says otherwise: the cheapest. */
export const DEFAULT_SKU = 'TURING_16';

export interface CatalogueSku extends HardwareSku {
  /** Undefined: the default pool runs it. */
  readonly provider: string | undefined;
}

/** The SKUs of one server. */
export interface HardwareCatalogue {
  readonly skus: readonly CatalogueSku[];
  /** The one of a deployment that names none. */
  readonly defaultSku: string;
  /** Those that a deployment may name. */
  readonly usable: readonly string[];
}

export const Hardware = Type.Object({
  sku: Type.String({ examples: ['AMPERE_48'] }),
  gpu: Type.String({ description: 'The GPU models it may be.' }),
  vram_gb: Type.Number(),
  ram_gb: Type.Number(),
  vcpus: Type.Integer(),
  price_per_hour_usd: Type.Number(),
  price_per_hour_microdollars: Type.Integer(),
  provider: Type.Optional(Type.String({ description: 'What runs it; left out when the default pool does.' })),
  is_available: Type.Boolean({ description: 'Whether a deployment on it can run now.' }),
  reason: Type.Optional(Type.String({ description: 'Why it is not available.' })),
  is_default: Type.Boolean({ description: 'Whether a deployment that names no hardware gets it.' }),
});
export type Hardware = Static<typeof Hardware>;

export const HardwareList = Type.Object({ data: Type.Array(Hardware) });

export interface HardwareState {
  provider?: string;
  /** Undefined: a deployment on it can run now. */
  unavailableBecause: string | undefined;
  isDefault: boolean;
}

/** A SKU as GET /hardware shows it. */
export function viewHardware(sku: HardwareSku, { provider, unavailableBecause, isDefault }: HardwareState): Hardware {
  return {
    sku: sku.sku,
    gpu: sku.gpu,
    vram_gb: sku.vramGb,
    ram_gb: sku.ramGb,
    vcpus: sku.vcpus,
    price_per_hour_usd: sku.pricePerHourMicrodollars / 1_000_000,
    price_per_hour_microdollars: sku.pricePerHourMicrodollars,
    ...(provider === undefined ? {} : { provider }),
    is_available: unavailableBecause === undefined,
    ...(unavailableBecause === undefined ? {} : { reason: unavailableBecause }),
    is_default: isDefault,
  };
}
