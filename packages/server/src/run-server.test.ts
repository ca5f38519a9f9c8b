// What a start that fails says: the usual causes name the setting that changes them.
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { describeStartFailure } from './run-server.ts';

it('a port that is taken names the setting for another one', async () => {
  const first = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => first.once('listening', resolve));
  const address = first.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const second = createServer().listen(port, '127.0.0.1');
  const error = await new Promise((resolve) => second.once('error', resolve));
  first.close();
  expect(describeStartFailure(error, { host: '127.0.0.1', port, adminPort: undefined })).toMatch(
    new RegExp(`^port ${port} of 127.0.0.1 is in use: .* set PORT`),
  );
  expect(describeStartFailure(error, { host: '127.0.0.1', port: 1, adminPort: port })).toMatch(
    'set COMFLEET_ADMIN_PORT',
  );
});

it('any other cause is told in its own words', () => {
  expect(describeStartFailure(new Error('no room'), { host: '127.0.0.1', port: 1, adminPort: undefined })).toBe(
    'no room',
  );
});
