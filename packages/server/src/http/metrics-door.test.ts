import { expect, it } from 'vitest';
import { startAdminServer } from './metrics-door.ts';

it('the admin port answers nobody whom it is not for', async () => {
  const asked: string[] = [];
  let isFor = true;
  const admin = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    read: async () => ({ text: 'metrics', contentType: 'text/plain' }),
    notReady: () => undefined,
    isRefused: async (address) => {
      asked.push(address);
      return !isFor;
    },
  });
  expect((await fetch(`${admin.url}/healthz`)).status).toBe(200);
  isFor = false;
  await expect(fetch(`${admin.url}/healthz`)).rejects.toThrow('fetch failed');
  expect(new Set(asked)).toEqual(new Set(['127.0.0.1']));
  await admin.stop();
});
