// The words of docker-error.pure.ts, docker-state.pure.ts and docker-names.pure.ts.

import { expect, test } from 'vitest';
import { withLastWords } from '../last-words.pure.ts';
import { explainEngine, explainPull, explainStart, isHopeless, isPassing, readFailure } from './docker-error.pure.ts';
import { chooseVersion, ownContainerId, splitImage } from './docker-names.pure.ts';
import { createPullProgress, viewContainer } from './docker-state.pure.ts';

const reach = { port: 8188, publishedAt: '127.0.0.1', network: 'comfleet' };
const stateOf = (State: object, more: object = {}) => viewContainer({ Id: 'x', State, ...more }, reach);

test.each([
  [{ Status: 'created' }, { phase: 'made' }],
  [{ Status: 'removing' }, { phase: 'leaving' }],
  [{ Status: 'running' }, { phase: 'unaddressed', words: 'its port 8188 is not published' }],
  [
    { Status: 'exited', ExitCode: 0 },
    { phase: 'ended', kind: 'ended' },
  ],
  [
    { Status: 'exited', ExitCode: 127 },
    { phase: 'ended', kind: 'not_started' },
  ],
  [
    { Status: 'exited', ExitCode: 137, OOMKilled: true },
    { phase: 'ended', kind: 'out_of_memory' },
  ],
  [
    { Status: 'dead', ExitCode: 137 },
    { phase: 'ended', kind: 'out_of_memory' },
  ],
  [
    { Status: 'exited', ExitCode: 128, Error: 'no GPU', StartedAt: '0001-01-01T00:00:00Z' },
    { phase: 'ended', kind: 'not_started', cause: 'no GPU' },
  ],
])('%j is %j', (state, view) => {
  expect(stateOf(state)).toMatchObject(view);
});

test('an address is that of the published port, or that in the network', () => {
  const NetworkSettings = {
    Ports: { '8188/tcp': [{ HostIp: '127.0.0.1', HostPort: '32768' }] },
    Networks: { comfleet: { IPAddress: '172.18.0.2' } },
  };
  const container = { Id: 'x', State: { Status: 'running' }, NetworkSettings };
  expect(viewContainer(container, reach)).toEqual({ phase: 'running', baseUrl: 'http://127.0.0.1:32768' });
  expect(viewContainer(container, { ...reach, publishedAt: '::1' })).toMatchObject({ baseUrl: 'http://[::1]:32768' });
  const inside = { ...reach, publishedAt: undefined };
  expect(viewContainer(container, inside)).toEqual({ phase: 'running', baseUrl: 'http://172.18.0.2:8188' });
  const words = 'it has no address in the network other';
  expect(viewContainer(container, { ...inside, network: 'other' })).toEqual({ phase: 'unaddressed', words });
});

test('last words are the last line that says something', () => {
  expect(withLastWords('it ended', ['Traceback', 'CUDA error ', ''])).toBe('it ended; its last words: CUDA error');
  expect(withLastWords('it ended', [])).toBe('it ended');
});

test('how far a pull is: over all layers, in steps, and each words once', () => {
  const progress = createPullProgress('a:1');
  const down = (id: string, current: number, total: number) =>
    progress({ id, status: 'Downloading', progressDetail: { current, total } });
  expect(progress({ status: 'Pulling from a', id: '1' })).toBe('pulling the image a:1');
  expect(down('l1', 0, 3e9)).toBe('pulling the image a:1: 0 % of 3.0 GB');
  expect(down('l1', 1e9, 3e9)).toBe('pulling the image a:1: 30 % of 3.0 GB');
  expect(down('l1', 1e9 + 1, 3e9)).toBeUndefined();
  expect(down('l2', 5e8, 1e9)).toBe('pulling the image a:1: 35 % of 4.0 GB');
  progress({ id: 'l2', status: 'Download complete' });
  expect(progress({ id: 'l1', status: 'Extracting', progressDetail: { current: 1, total: 2 } })) //
    .toBe('unpacking the image a:1');
  expect(progress({ id: 'l3', status: 'Already exists' })).toBeUndefined();
});

test.each([
  [{ code: 'ENOENT', message: 'connect ENOENT /s' }, 'it is not there: install and start it'],
  [{ code: 'EACCES', message: 'connect EACCES /s' }, 'let the user of comfleet into the group of the socket'],
  [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, 'it does not run: systemctl start docker'],
  [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT', message: 'self-signed certificate' }, 'its certificate is not trusted'],
  [{ name: 'TimeoutError', message: 'aborted' }, 'it was too slow'],
  [{ statusCode: 403, json: { message: 'plugin denies' } }, 'forbids it (403): plugin denies'],
  [{ statusCode: 500, message: '(HTTP code 500) server error - it hurts ' }, 'refused (500): it hurts'],
])('%j of an engine', (error, words) => {
  expect(explainEngine(readFailure(error), 'unix:///s')).toContain(words);
});

test('only a broken connection is worth another try, and only a passing trouble worth the wait', () => {
  const seen = (error: object) => [isPassing(readFailure(error)), isHopeless(readFailure(error))];
  expect(seen({ code: 'ECONNRESET' })).toEqual([true, false]);
  expect(seen({ code: 'ENOENT' })).toEqual([false, true]);
  expect(seen({ name: 'TimeoutError' })).toEqual([false, false]);
  expect(seen({ statusCode: 500 })).toEqual([false, false]);
  expect(seen({ statusCode: 503 })).toEqual([true, false]);
  expect(seen({ statusCode: 404 })).toEqual([false, true]);
});

test.each([
  ['toomanyrequests: You have reached your pull rate limit', 'the registry limits how often'],
  ['manifest unknown: manifest unknown', 'the registry has no such tag'],
  ['no matching manifest for linux/arm64/v8 in the manifest list entries', 'not for this kind of machine'],
  ['Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', 'the engine cannot reach the registry'],
  ['Get "https://r.example/v2/": net/http: TLS handshake timeout', 'the engine cannot reach the registry'],
  ['something else', 'the image a:1 could not be pulled: something else'],
])('a pull that says %s', (message, words) => {
  expect(explainPull(message, 'a:1')).toContain(words);
});

test.each([
  [500, 'nvidia-container-cli: initialization error: nvml error: driver not loaded', 'look at nvidia-smi'],
  [
    400,
    'invalid mount config for type "bind": bind source path does not exist: /x',
    'what "mounts" names is not there',
  ],
  [400, 'unable to find user comfy: no matching entries in passwd file', 'the image does not know that "user"'],
  [500, 'exec: "docker-init": executable file not found in $PATH', 'set "init" to false'],
  [400, 'No command specified', 'name it in "command" or "args"'],
  [404, 'network comfleet not found', 'the network comfleet is gone'],
  [404, 'No such image: a:1', 'the image a:1 is not there'],
  [500, 'error gathering device information while adding custom device "/dev/kfd"', 'a file of "devices" is not there'],
  [507, 'what nobody expects', 'the Docker engine refused (507): what nobody expects'],
])('a start that is refused with %i %s', (statusCode, message, words) => {
  const wish = { image: 'a:1', network: 'comfleet' };
  expect(explainStart(readFailure({ statusCode, json: { message } }), wish, 'unix:///s')).toContain(words);
});

test('the version is the newest that both speak', () => {
  expect(chooseVersion({ ApiVersion: '1.41', MinAPIVersion: '1.12' })).toBe('v1.41');
  expect(chooseVersion({ ApiVersion: '1.99', MinAPIVersion: '1.44' })).toMatch(/^v1\.5\d$/);
  expect(chooseVersion({ ApiVersion: '1.99', MinAPIVersion: '1.90' })).toBe('v1.90');
  expect(() => chooseVersion({ ApiVersion: '1.30', MinAPIVersion: '1.12' })).toThrow('and 1.41 is needed: update it');
});

test.each([
  ['comfyui', 'comfyui', 'latest'],
  ['comfyui:1', 'comfyui', '1'],
  ['r.example:5000/team/comfyui', 'r.example:5000/team/comfyui', 'latest'],
  ['r.example:5000/team/comfyui:1', 'r.example:5000/team/comfyui', '1'],
  ['comfyui:1@sha256:abc', 'comfyui', 'sha256:abc'],
])('%s is pulled as one tag', (image, fromImage, tag) => {
  expect(splitImage(image)).toEqual({ fromImage, tag });
});

test('a process finds the container that it runs in', () => {
  const id = '0123456789abcdef'.repeat(4);
  const line = `812 801 254:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`;
  expect(ownContainerId(`22 1 0:20 / /proc rw\n${line}\n`)).toBe(id);
  expect(ownContainerId('22 1 0:20 / /proc rw')).toBeUndefined();
});
