// The limits of the contract, with the values that hold when the operator sets no others. Used by the schemas here, the
// server's configuration and the reference pages.

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** Limits an operator may change. */
export const DEFAULT_LIMITS = {
  bodyBytes: 64 * MIB,
  dataUriBytes: 32 * MIB,
  fetchedFileBytes: 512 * MIB,
  fetchMs: 120_000,
  fetchRedirects: 3,
  jsonDepth: 64,
  keysPerObject: 10_000,
  graphNodes: 5_000,
  queuedRequestsPerDeployment: 10_000,
  executionTimeoutMs: 3_600_000,
  startTimeoutMs: 900_000,
  outputFileBytes: 8 * GIB,
  retentionDays: 7,
  writesPerSecond: 100,
  readsPerSecond: 1_000,
} as const;

/** Limits that are part of the contract. */
export const NAME_CHARACTERS = 200;
export const IDEMPOTENCY_KEY_CHARACTERS = 255;
export const IDEMPOTENCY_HOURS = 24;
export const WAIT_SECONDS_MAX = 60;
export const METADATA_LABELS = 16;
export const METADATA_KEY_CHARACTERS = 40;
export const METADATA_VALUE_BYTES = 256;
export const WEBHOOK_URL_CHARACTERS = 2_048;
export const MIN_INSTANCES_MAX = 30;
export const MAX_INSTANCES_MAX = 60;
export const PAGE_ITEMS_MAX = 200;
export const PAGE_ITEMS_DEFAULT = 50;
export const KEPT_UNUSED_VERSIONS = 3;
