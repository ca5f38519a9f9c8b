// The moments at which a crash would do most harm, by name: with COMFLEET_CRASH_AT=<name>:<count> the process kills itself
// when it gets to that one for the count-th time. Called at those moments; set by the crash campaign and nobody else.

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

/** Does nothing unless the process was started to crash. */
export const crashPoint: (name: CrashPoint) => void = prepare(process.env['COMFLEET_CRASH_AT']);

function prepare(wish: string | undefined): (name: CrashPoint) => void {
  if (wish === undefined || wish === '') return () => undefined;
  const [at, count = '1'] = wish.split(':');
  if (!CRASH_POINTS.some((name) => name === at)) {
    throw new Error(`COMFLEET_CRASH_AT: no crash point is called "${at}"; there are ${CRASH_POINTS.join(', ')}`);
  }
  let left = Number(count);
  return (name) => {
    if (name !== at) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
