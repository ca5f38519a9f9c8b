// The codes of the catalogue as a list and as a test, for whoever walks it or meets a number from outside.
import { ERRORS, type ErrorCode } from './errors.ts';

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'number' && Object.hasOwn(ERRORS, value);
}

/** Every code, in ascending order. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(ERRORS).map(Number).filter(isErrorCode);
