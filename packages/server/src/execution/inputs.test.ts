// Whose fault it is when a request's media cannot be brought to an instance.
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { StorageError, type StorageErrorKind } from '../files/storage.ts';
import type { Instance } from '../instances/fleet.ts';
import type { MediaSource } from '../requests/stored-body.pure.ts';
import { bringInputs } from './inputs.ts';

const FETCHED: MediaSource = { kind: 'url', url: 'http://media/a.png' };
const STORED: MediaSource = { kind: 'stored', sha256: 'a', ext: 'png', mime: 'image/png', sizeBytes: 3 };

async function bring(source: MediaSource, kind: StorageErrorKind) {
  const fail = () => Promise.reject(new StorageError('[disk] cannot be used', { kind }));
  const deps = {
    inputCache: { keep: fail, open: fail },
    safeFetch: { get: async () => ({ kind: 'ok', status: 200, stream: Readable.from(['abc']) }) },
    store: { patienceMs: 0 },
    limits: { maxFetchBytes: 10, fetchTimeoutMs: 1_000 },
  } as unknown as Parameters<typeof bringInputs>[0];
  return await bringInputs(deps, {
    media: [{ nodeId: '1', name: 'image', mediaKind: 'image', source }],
    instance: { uploaded: new Map() } as unknown as Instance,
    signal: new AbortController().signal,
    onFetch: () => ({ end: () => undefined }),
  });
}

it.each([FETCHED, STORED])('a storage that stays away or full is no fault of the media ($kind)', async (source) => {
  for (const kind of ['unavailable', 'full'] as const) {
    const details = expect.stringMatching(/^Node 1, input image: .*the file storage .*\[disk\].* Submit again\.$/);
    expect(await bring(source, kind)).toMatchObject({ kind: 'failed', failure: { kind: 'queue_unexpected', details } });
  }
});

it('media that are too large, or break off, are', async () => {
  for (const kind of ['too_large', 'source'] as const)
    expect(await bring(FETCHED, kind)).toMatchObject({ failure: { kind: 'media_failed' } });
});
