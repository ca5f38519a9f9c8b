// What every HTTP error body must be (errors.md), checked in one place. Used by the tests that go through HTTP.
import { ERRORS, type ErrorCode } from '@comfleet/api';
import type { JsonObject, JsonValue } from '@comfleet/comfyui';
import { expect } from 'vitest';
import type { Reply } from './caller.ts';

export interface Detail {
  readonly loc: (string | number)[];
  readonly msg: string;
  readonly type: string;
  readonly input?: JsonValue;
}

/** Gives the body's message and detail, once everything that all errors share was checked. */
export function expectError(reply: Reply, code: ErrorCode): { message: string; detail: Detail[] } {
  const { name, status } = ERRORS[code];
  expect(reply.body, `${reply.status} ${reply.text.slice(0, 2_000)}`).toMatchObject({ error_code: code });
  const { body } = reply;
  const message = String(body['message']);
  expect(reply.status).toBe(status);
  expect(body).toMatchObject({ error: name, code, error_message: message, request_id: expect.any(String) });
  expect(reply.headers.get('x-request-id')).toBe(body['request_id']);
  expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(body['hint']).toEqual(expect.any(String));
  expect(Object.keys(body).filter((key) => !KEYS.includes(key))).toEqual([]);
  const detail = (body['detail'] ?? []) as unknown as Detail[];
  if (code === 422001) expect(detail).not.toHaveLength(0);
  return { message, detail };
}

const KEYS = ['error_code', 'error', 'error_message', 'message', 'code', 'detail', 'hint', 'request_id'];

/** The one entry of a failed result's error array. */
export function expectFailed(result: JsonObject, code: ErrorCode): { details: string; debugInfo: string } {
  expect(result, JSON.stringify(result).slice(0, 2_000)).toMatchObject({ status: 'failed' });
  expect(Object.keys(result)).not.toContain('outputs');
  expect(result).toMatchObject({
    created_at: expect.stringMatching(INSTANT),
    finished_at: expect.stringMatching(INSTANT),
  });
  expect(result['error']).toEqual([
    { error: ERRORS[code].name, errorCode: code, details: expect.any(String), debugInfo: expect.any(String) },
  ]);
  const [entry] = result['error'] as unknown as [{ details: string; debugInfo: string }];
  return entry;
}

/** Rule 4: microseconds and a numeric offset, never Z. */
export const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+00:00$/;

/** `body.overrides.6.inputs.steps value_not_in_list`, for short tables. */
export function listProblems(detail: readonly Detail[]): string[] {
  return detail.map(({ loc, type }) => `${loc.join('.')} ${type}`);
}
