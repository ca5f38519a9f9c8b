// The meter of one instance that was started for a deployment: its life, from the moment it is asked for until it is gone,
// as spans that follow each other without gap or overlap. Called by meter.ts.
//
//   asked ──read──▶ [0, a) ──read──▶ [a, b) … ──gone──▶ [x, end), and nothing after it
//
// `tick` is a monotonic clock's milliseconds, so steps of the wall clock do not exist here; one that runs backwards all the
// same bills nothing until it has caught up.
import { type Span, wholeMs } from './price.pure.ts';

export interface MeterState {
  /** The tick at which `billedMs` of its life were over. */
  readonly baseTick: number;
  readonly baseMs: number;
  /** How much of its life has been billed. */
  readonly billedMs: number;
  readonly isGone: boolean;
}

export interface Reading {
  /** Undefined: there is nothing to bill. */
  readonly span: Span | undefined;
  readonly state: MeterState;
}

export function startMeter(tick: number): MeterState {
  return { baseTick: tick, baseMs: 0, billedMs: 0, isGone: false };
}

/** After a restart: what happened since the last reading is nobody's to know, so it is not billed. */
export function resumeMeter(billedMs: number, tick: number): MeterState {
  return { baseTick: tick, baseMs: billedMs, billedMs, isGone: false };
}

export function readMeter(state: MeterState, tick: number): Reading {
  if (state.isGone) return { span: undefined, state };
  const toMs = state.baseMs + wholeMs(tick - state.baseTick);
  if (toMs <= state.billedMs) return { span: undefined, state };
  return { span: { fromMs: state.billedMs, toMs }, state: { ...state, billedMs: toMs } };
}

/** The last reading: after it the meter stands still. */
export function stopMeter(state: MeterState, tick: number): Reading {
  const { span, state: read } = readMeter(state, tick);
  return { span, state: { ...read, isGone: true } };
}
