// The steps at which R2 lets the service crash; their names are those of the service's own telemetry/crash-point.ts, which
// refuses to start for any other. Used by step-campaign.ts.

export const CRASH_POINTS = [
  'before-insert',
  'after-insert',
  'before-accept',
  'between-key-and-insert',
  'after-key-commit',
  'before-lease',
  'after-lease',
  'before-input-upload',
  'after-input-upload',
  'before-post',
  'after-post',
  'after-executed-frame',
  'after-run-over',
  'after-outputs-listed',
  'before-store',
  'mid-store',
  'after-store',
  'before-finish',
  'after-finish',
  'before-lost',
  'after-lost',
  'before-cancel',
  'after-cancel',
  'before-interrupt',
  'after-webhook-claim',
  'before-webhook-post',
  'after-webhook-post',
  'before-recovery',
  'mid-recovery',
  'after-recovery',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];
