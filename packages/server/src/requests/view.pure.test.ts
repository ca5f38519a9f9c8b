import { describe, expect, it } from 'vitest';
import { makeLiveRequest } from '../../testing/make-live-request.ts';
import type { LivePhase } from './live.ts';
import type { RequestRow } from './requests.sql.ts';
import {
  endedStatusWord,
  resultWord,
  type ViewContext,
  viewCancelRequested,
  viewEndedResult,
  viewEndedStatus,
  viewLiveResult,
  viewLiveStatus,
  viewNotCancellable,
  viewSubmit,
} from './view.pure.ts';

const v1: ViewContext = { base: 'https://x.example', version: 'v1', cancelledWord: undefined };
const v2: ViewContext = { base: 'https://x.example', version: 'v2', cancelledWord: undefined };

const row = (fields: Partial<RequestRow> = {}): RequestRow => ({
  id: 'r1',
  account_id: 'a1',
  deployment_id: 'd1',
  state: 'succeeded',
  instance_id: 'i1',
  created_at: Date.UTC(2026, 0, 2, 3, 4, 5, 123),
  finished_at: Date.UTC(2026, 0, 2, 3, 4, 6),
  outputs: null,
  error: null,
  ...fields,
});

describe('words', () => {
  it.each<[RequestRow['state'], string[]]>([
    ['queued', ['in_queue', 'in_queue', 'in_queue', 'in_queue']],
    ['active', ['in_progress', 'in_progress', 'in_progress', 'in_progress']],
    ['succeeded', ['completed', 'completed', 'succeeded', 'succeeded']],
    ['failed', ['completed', 'completed', 'failed', 'failed']],
    ['cancelled', ['canceled', 'cancelled', 'canceled', 'cancelled']],
  ])('of a request that is %s, in status and result of v1 and v2', (state, words) => {
    const shown = [
      endedStatusWord(v1, state),
      endedStatusWord(v2, state),
      resultWord(v1, state),
      resultWord(v2, state),
    ];
    expect(shown).toEqual(words);
  });

  it('of a live request: a cold start counts as in_queue', () => {
    const phases: Record<LivePhase, string> = {
      queued: 'in_queue',
      leased: 'in_queue',
      running: 'in_progress',
      collecting: 'in_progress',
    };
    for (const [phase, word] of Object.entries(phases)) {
      const request = makeLiveRequest({ phase: phase as LivePhase });
      expect(viewLiveStatus(v2, request, undefined).status).toBe(word);
      expect(JSON.parse(viewLiveResult(request)).status).toBe(word);
    }
  });

  it('of a cancelled request can be forced', () => {
    expect(resultWord({ ...v1, cancelledWord: 'cancelled' }, 'cancelled')).toBe('cancelled');
    expect(endedStatusWord({ ...v2, cancelledWord: 'canceled' }, 'cancelled')).toBe('canceled');
  });
});

describe('shapes', () => {
  it('submit has exactly four keys, with the version the caller used', () => {
    const url = 'https://x.example/prod/v1/deployments/d1/requests/r1';
    expect(viewSubmit(v1, { deploymentId: 'd1', requestId: 'r1' })).toEqual({
      request_id: 'r1',
      status_url: `${url}/status`,
      result_url: `${url}/result`,
      cancel_url: `${url}/cancel`,
    });
  });

  it('status tells the position only in the queue, and the instance only from its run on', () => {
    const waiting = makeLiveRequest({ phase: 'leased', instanceId: 'i1' });
    expect(viewLiveStatus(v2, waiting, 3)).toMatchObject({ queue_position: 3 });
    expect(Object.keys(viewLiveStatus(v2, waiting, 3))).not.toContain('instance_id');
    const running = makeLiveRequest({ phase: 'running', instanceId: 'i1', isOnInstance: true });
    expect(viewLiveStatus(v2, running, 3)).toMatchObject({ instance_id: 'i1' });
    expect(Object.keys(viewLiveStatus(v2, running, 3))).not.toContain('queue_position');
    expect(viewEndedStatus(v2, row())).toMatchObject({ status: 'completed', instance_id: 'i1' });
    expect(Object.keys(viewEndedStatus(v2, row({ instance_id: null })))).not.toContain('instance_id');
  });

  it('result has its instants with microseconds and an offset, and leaves out what is not known', () => {
    expect(JSON.parse(viewEndedResult(v2, row({ outputs: '{}', instance_id: null })))).toEqual({
      request_id: 'r1',
      status: 'succeeded',
      created_at: '2026-01-02T03:04:05.123000+00:00',
      finished_at: '2026-01-02T03:04:06.000000+00:00',
      outputs: {},
    });
  });

  it('result puts the base before the addresses of its own files, and before nothing else', () => {
    const outputs = {
      '9': {
        images: [{ url: '/deployment_requests/r1/output/a.png', filename: 'a.png' }],
        text: ['"url":"/deployment_requests/r1/output/fake.png"', '/deployment_requests/r1/x'],
        foreign: [{ url: '/deployment_requests/r2/output/b.png' }],
      },
    };
    const { outputs: shown } = JSON.parse(viewEndedResult(v2, row({ outputs: JSON.stringify(outputs) })));
    expect(shown['9'].images[0].url).toBe('https://x.example/deployment_requests/r1/output/a.png');
    expect(shown['9'].text).toEqual(outputs['9'].text);
    expect(shown['9'].foreign).toEqual(outputs['9'].foreign);
  });

  it('cancel answers 202 while there is something to cancel, and 200 after', () => {
    expect(viewCancelRequested(v1, 'r1')).toEqual({
      status: 202,
      body: { request_id: 'r1', status: 'cancellation_requested' },
    });
    expect(viewCancelRequested(v2, 'r1')).toEqual({
      status: 202,
      body: { request_id: 'r1', status: 'cancellation_requested', outcome: 'cancellation_requested' },
    });
    expect(viewNotCancellable(v1, 'r1', 'failed')).toEqual({
      status: 200,
      body: { request_id: 'r1', status: 'not_cancellable' },
    });
    expect(viewNotCancellable(v2, 'r1', 'failed')).toEqual({
      status: 200,
      body: { request_id: 'r1', status: 'completed', outcome: 'not_cancellable' },
    });
  });
});
