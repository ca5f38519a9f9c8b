import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import {
  CancelReplyV1,
  CancelReplyV2,
  RequestResult,
  RequestStatus,
  SubmitAndResult,
  SubmitReply,
} from './requests.ts';

const REPLY = { request_id: 'r', status_url: 's', result_url: 'u', cancel_url: 'c' };
const CREATED = '2026-01-02T03:04:05.123456+00:00';

test('the reply to a submit has exactly four keys', () => {
  const reply = Compile(SubmitReply);
  expect(reply.Check(REPLY)).toBe(true);
  expect(reply.Check({ ...REPLY, status: 'in_queue' })).toBe(false);
  const { cancel_url: _, ...three } = REPLY;
  expect(reply.Check(three)).toBe(false);
});

test('with Prefer: wait the four keys and the result come together', () => {
  const both = { ...REPLY, status: 'succeeded', created_at: CREATED, finished_at: CREATED, outputs: {} };
  expect(Compile(SubmitAndResult).Check(both)).toBe(true);
});

test('a failed run is completed in the status and failed in the result', () => {
  const { cancel_url: _, ...urls } = REPLY;
  const status = Compile(RequestStatus);
  expect(status.Check({ ...urls, status: 'completed', instance_id: 'i' })).toBe(true);
  expect(status.Check({ ...urls, status: 'failed' })).toBe(false);
  const error = [{ error: 'ComfyUIExecutionError', errorCode: 10011, details: '', debugInfo: '' }];
  const result = Compile(RequestResult);
  expect(result.Check({ request_id: 'r', status: 'failed', created_at: CREATED, finished_at: CREATED, error })).toBe(
    true,
  );
  expect(result.Check({ request_id: 'r', status: 'completed', created_at: CREATED })).toBe(false);
  expect(result.Check({ request_id: 'r', status: 'in_queue' })).toBe(false);
  const extra = [{ ...error[0], node: '3' }];
  expect(result.Check({ request_id: 'r', status: 'failed', created_at: CREATED, error: extra })).toBe(false);
});

test('outputs keep every key ComfyUI wrote, under compound node ids too', () => {
  const outputs = {
    '38:42': { images: [{ filename: 'a.png', subfolder: '', type: 'output', url: 'https://x/a.png', format: 'png' }] },
    '7': { text: ['a'], animated: [true] },
  };
  const body = { request_id: 'r', status: 'succeeded', created_at: CREATED, finished_at: CREATED, outputs };
  expect(Compile(RequestResult).Check(body)).toBe(true);
});

test('only v2 says an outcome when cancelling', () => {
  const v1 = { request_id: 'r', status: 'cancellation_requested' };
  expect(Compile(CancelReplyV1).Check(v1)).toBe(true);
  expect(Compile(CancelReplyV1).Check({ ...v1, outcome: 'cancellation_requested' })).toBe(false);
  expect(Compile(CancelReplyV2).Check({ request_id: 'r', status: 'completed', outcome: 'not_cancellable' })).toBe(true);
  expect(Compile(CancelReplyV2).Check(v1)).toBe(false);
});
