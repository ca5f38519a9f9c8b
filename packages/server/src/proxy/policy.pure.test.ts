import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, encodePath, isPolicyEntry, judgeProxyPath, normalisePath, readPolicy } from './policy.pure.ts';

const judge = (method: string, path: string, policy = DEFAULT_POLICY) => judgeProxyPath(policy, method, path).kind;

describe('the policy', () => {
  it.each([
    ['GET', 'object_info'],
    ['GET', 'object_info/KSampler'],
    ['HEAD', 'object_info'],
    ['GET', 'system_stats'],
    ['GET', 'features'],
    ['GET', 'models/checkpoints'],
    ['GET', 'embeddings'],
    ['GET', 'view_metadata/loras'],
    ['GET', 'prompt'],
    ['POST', 'prompt'],
    ['GET', 'queue'],
    ['GET', 'history'],
    ['GET', 'history/0190'],
    ['GET', 'view'],
    ['HEAD', 'view'],
    ['POST', 'upload/image'],
    ['POST', 'upload/mask'],
    ['POST', 'interrupt'],
    ['POST', 'free'],
    ['GET', 'ws'],
    ['GET', 'api/queue'],
    ['GET', 'queue/'],
    ['GET', 'object_info/Load%20Image%20%F0%9F%98%80%20%7C%20x'],
  ])('opens %s %s', (method, path) => expect(judge(method, path)).toBe('open'));

  it.each([
    ['POST', 'object_info'],
    ['POST', 'system_stats'],
    ['DELETE', 'models/checkpoints'],
    ['PUT', 'prompt'],
    ['POST', 'queue'],
    ['POST', 'history'],
    ['DELETE', 'history/0190'],
    ['POST', 'view'],
    ['GET', 'upload/image'],
    ['GET', 'interrupt'],
    ['GET', 'free'],
    ['POST', 'ws'],
    ['GET', ''],
    ['GET', 'userdata'],
    ['GET', 'userdata/a.json'],
    ['GET', 'users'],
    ['GET', 'settings'],
    ['GET', 'internal/logs'],
    ['GET', 'extensions'],
    ['GET', 'experiment/models'],
    ['GET', 'QUEUE'],
    ['POST', 'upload/anything'],
    ['POST', 'manager/reboot'],
  ])('closes %s %s', (method, path) => expect(judge(method, path)).not.toBe('open'));

  it('names the methods that a path is open for', () => {
    expect(judgeProxyPath(DEFAULT_POLICY, 'DELETE', 'prompt')).toEqual({
      kind: 'closed',
      path: 'prompt',
      methods: ['POST', 'GET', 'HEAD'],
    });
  });

  it('is changed by entries, and what shows the own work is never opened as it is', () => {
    const policy = readPolicy(['+GET userdata/*', '-POST free', '+POST /api/manager']);
    expect(judge('GET', 'userdata/a', policy)).toBe('open');
    expect(judge('POST', 'manager', policy)).toBe('open');
    expect(judge('POST', 'free', policy)).toBe('closed');
    const all = readPolicy(['*']);
    expect(judge('DELETE', 'anything', all)).toBe('open');
    expect(judgeProxyPath(all, 'GET', 'queue')).toMatchObject({ serve: 'queue' });
    expect(judgeProxyPath(readPolicy(['+GET history/*']), 'GET', 'history/x')).toMatchObject({ serve: 'history' });
  });

  it.each(['*', '+GET a', '-POST b/*', '+* c'])('takes the entry %s', (entry) =>
    expect(isPolicyEntry(entry)).toBe(true),
  );
  it.each(['GET a', '+get a', '+GET', '', '+GET a b'])('takes no entry %s', (entry) =>
    expect(isPolicyEntry(entry)).toBe(false),
  );
});

describe('a path', () => {
  it.each([
    '../queue',
    '%2e%2e/queue',
    '%2E%2e',
    'view/..',
    'a//b',
    '/queue',
    'api/api/queue',
    '%61pi/queue',
    'api/%61pi/history',
    'api//queue',
    'models%2fx',
    'models%5cx',
    'models\\x',
    'a%00b',
    'a%0d%0ab',
    'a%252e%252e',
    '%zz',
    '%ff',
    'x'.repeat(2_000),
    '. ',
    'a?b%3f',
  ])('that can be read twice is refused: %s', (path) => expect(normalisePath(path).kind).toBe('malformed'));

  it('once normal, stays itself on the wire, below the root and without parts that lead elsewhere', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.webPath(), fc.string({ unit: fc.constantFrom('.', '/', '%', '2', 'e', 'a') })),
        (raw) => {
          const normal = normalisePath(raw);
          if (normal.kind === 'malformed') return;
          const url = new URL(encodePath(normal.path), 'http://instance');
          expect(url.pathname).toBe(encodePath(normal.path));
          expect(url.search + url.hash).toBe('');
          expect(normalisePath(encodePath(normal.path).slice(1))).toEqual(
            normal.path.startsWith('api/') ? expect.anything() : normal,
          );
        },
      ),
    );
  });
});
