// Instants as the contract writes them: 2026-01-02T03:04:05.123456+00:00. Clients parse exactly this form, so it always
// has six digits and a numeric offset, never Z.

/**
 * @param at milliseconds since the epoch (a fraction is microseconds), or a Date.
 * @param micros the microseconds within the millisecond, 0-999, where a Date could not hold them.
 */
export function formatInstant(at: number | Date, micros = 0): string {
  const ms = typeof at === 'number' ? at : at.getTime();
  const wholeMs = Math.floor(ms);
  // Rounded, because a double holds today's milliseconds only to about a quarter of a microsecond.
  const extra = Math.round((ms - wholeMs) * 1000) + Math.trunc(micros);
  const within = Math.min(999, Math.max(0, extra));
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${String(within).padStart(3, '0')}+00:00`;
}
