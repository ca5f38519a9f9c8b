import { expect, test } from 'vitest';
import type { Fetched } from './fetch-file.ts';
import { rewriteOutputs } from './rewrite-outputs.ts';

test('the url of a file is ours, whatever the instance wrote there', async () => {
  const shown = { filename: 'a.png', subfolder: '', type: 'output' };
  const fetched = { kind: 'stored', url: '/ours', shown } as unknown as Fetched;
  const item = { ...shown, url: 'https://elsewhere.example/', fullpath: '/srv/a.png', note: 1 };
  const { outputs } = await rewriteOutputs(new Map([['2', { images: [item] }]]), async () => fetched);
  expect(outputs).toEqual({ '2': { images: [{ ...shown, url: '/ours', note: 1 }] } });
});
