// The steps at which R2 lets the service crash; their names are those of the service's own telemetry/crash-point.ts, which
// refuses to start for any other. Steps that the campaign's load does not come to are left out. Used by fault-campaigns.ts.

export const CRASH_POINTS = [
  'before-insert',
  'after-insert',
  'before-accept',
  'between-key-and-insert',
  'after-key-commit',
  'before-lease',
  'after-lease',
  'before-post',
  'after-post',
  'after-executed-frame',
  'after-run-over',
  'after-outputs-listed',
  'before-finish',
  'after-finish',
  'before-cancel',
  'after-cancel',
  'before-interrupt',
  'before-recovery',
  'mid-recovery',
  'after-recovery',
] as const;
