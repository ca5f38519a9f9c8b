import { expect, test } from 'vitest';
import { ERROR_CODES, isErrorCode } from './error-codes.ts';
import { ERRORS, type ErrorCode } from './errors.ts';

type Row = [name: string, phases: string, status: number | undefined, retryable: boolean];

// The contract's own table. A total record: a new code does not compile until its row is written here.
const CONTRACT: Record<ErrorCode, Row> = {
  401001: ['Unauthorized', 'http', 401, false],
  403003: ['Forbidden', 'http', 403, false],
  404001: ['NotFound', 'http', 404, false],
  422001: ['ValidationError', 'http', 422, false],
  429001: ['TooManyRequests', 'http', 429, true],
  409001: ['Conflict', 'http', 409, false],
  413001: ['PayloadTooLarge', 'http', 413, false],
  405001: ['MethodNotAllowed', 'http', 405, false],
  503001: ['ServiceUnavailable', 'http', 503, true],
  500001: ['InternalError', 'http', 500, true],
  10001: ['InsufficientFunds', 'gate', 402, false],
  10002: ['DisabledDeployment', 'gate', 403, false],
  10003: ['DeletedDeployment', 'gate', 404, false],
  10013: ['EmptyWorkflowApiJson', 'gate', 422, false],
  10007: ['ComfyUIConnectionError', 'queue status result', 503, true],
  10009: ['FileUploadException', 'queue', undefined, false],
  10008: ['ComfyUIQueuePromptError', 'queue', undefined, false],
  10004: ['QueuePromptUnexpectedError', 'queue', undefined, true],
  10012: ['ComfyUIRequestMissing', 'status result', undefined, true],
  10005: ['PollingResultUnexpectedError', 'status', 500, true],
  10011: ['ComfyUIExecutionError', 'result', undefined, false],
  10006: ['ResultRetrievalUnexpectedError', 'result', undefined, true],
  200001: ['ExecutionWithoutNewYield', 'result', undefined, false],
  10000: ['InternalServerError', 'any', 500, true],
};

test.each(ERROR_CODES)('%i has the name, phases, status and retryability of the contract', (code) => {
  const { name, phases, status, retryable } = ERRORS[code];
  expect([name, phases.join(' '), status, retryable]).toEqual(CONTRACT[code]);
});

test('an error told in a body has a status, and one without a status is told in a result', () => {
  for (const code of ERROR_CODES) {
    const { status, reportedIn } = ERRORS[code];
    expect(reportedIn.length).toBeGreaterThan(0);
    expect(reportedIn.includes('body')).toBe(status !== undefined);
  }
});

test('every error says in whole sentences what happened and what to do', () => {
  for (const code of ERROR_CODES) {
    const { title, meaning, message, hint } = ERRORS[code];
    for (const text of [meaning, message, hint]) expect(text).toMatch(/^[A-Z`].{15,}\.$/);
    expect(title).toMatch(/^[A-Z].{8,}[^.]$/);
  }
});

test('no two codes share a name', () => {
  expect(new Set(ERROR_CODES.map((code) => ERRORS[code].name)).size).toBe(ERROR_CODES.length);
});

test('a number is a code only when the catalogue has it', () => {
  expect(isErrorCode(422001)).toBe(true);
  expect(isErrorCode(422002)).toBe(false);
  expect(isErrorCode('422001')).toBe(false);
  expect(isErrorCode(undefined)).toBe(false);
});
