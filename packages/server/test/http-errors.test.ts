// Errors of the HTTP layer itself: who calls, what exists, how a body must look (codes 401001, 404001, 405001, 413001).
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, useTestApp } from '../testing/create-test-app.ts';
import { expectError } from '../testing/expect-error.ts';

const NO_ID = '00000000-0000-4000-8000-000000000000';

const shared = useTestApp();

describe('a call without a valid token', () => {
  it.each([
    ['no header', {}],
    ['another scheme', { authorization: 'Basic YWRtaW46YWRtaW4=' }],
    ['the bare token', { authorization: ADMIN_TOKEN }],
    ['no token after the scheme', { authorization: 'Bearer ' }],
    ['two words after the scheme', { authorization: `Bearer ${ADMIN_TOKEN} again` }],
    ['an unknown token', { authorization: 'Bearer never-was-one-of-ours' }],
    ['a token with a wrong checksum', { authorization: `Bearer cf_${'a'.repeat(32)}000000` }],
  ])('gets 401001 for %s', async (_what, headers) => {
    for (const version of ['v1', 'v2'] as const) {
      const reply = await shared().call('/deployments', { token: null, headers, version });
      const { message } = expectError(reply, 401001);
      expect(message).toContain('Authorization: Bearer <token>');
      expect(reply.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('gets 401001 for a token that has expired, and for one that was revoked', async () => {
    const expired = await shared().addAccount({ expiresAt: new Date(Date.now() - 1_000) });
    expect(expectError(await shared().call('/deployments', { token: expired }), 401001).message).toContain('expired');
    const revoked = await shared().addAccount({ isRevoked: true });
    expectError(await shared().call('/deployments', { token: revoked }), 401001);
  });

  it('never hears its token again', async () => {
    const token = `cf_${'b'.repeat(32)}000000`;
    const reply = await shared().call('/deployments', { token });
    expect(reply.text).not.toContain(token.slice(0, 12));
  });

  it('is refused before its body is read', async () => {
    const reply = await shared().call(`/deployments/${NO_ID}/inference`, {
      method: 'POST',
      token: null,
      body: '{not json',
    });
    expectError(reply, 401001);
  });

  it('takes the scheme in any case', async () => {
    const reply = await shared().call('/deployments', {
      token: null,
      headers: { authorization: `bearer ${ADMIN_TOKEN}` },
    });
    expect(reply.status).toBe(200);
  });
});

describe('what is not HTTP', () => {
  async function say(text: string): Promise<string> {
    const socket = connect(Number(new URL(shared().url).port), '127.0.0.1');
    socket.write(text);
    let heard = '';
    for await (const chunk of socket) heard += String(chunk);
    return heard;
  }

  it.each([
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}', '400', 422001],
    ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\r\n\r\n', '400', 422001],
    ['huge headers', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`, '431', 413001],
  ])('is refused in the shape of every error: %s', async (_what, text, status, code) => {
    const heard = await say(text);
    expect(heard.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    const body = JSON.parse(heard.slice(heard.indexOf('{')));
    expect(body).toMatchObject({ error_code: code, code, request_id: expect.any(String) });
  });
});

describe('a body that is much work to read', () => {
  const MiB = 1024 * 1024;
  it.each([
    ['values', `{"x":[${'{},'.repeat(MiB)}1]}`],
    ['numbers', `{"x":[${'1,'.repeat(MiB)}1]}`],
    ['escapes', `{"x":"${'\\"'.repeat(3 * MiB)}"}`],
    ['blanks', `${' '.repeat(20 * MiB)}{}`],
  ])('is refused for its %s', async (_what, body) => {
    const reply = await shared().call(`/deployments/${NO_ID}/inference`, { method: 'POST', body });
    expect(expectError(reply, 422001).detail).toMatchObject([{ loc: ['body'], type: 'too_many_values' }]);
  });

  it('is taken when all of it is one long text', async () => {
    const body = { overrides: {}, note: `é${'a'.repeat(20 * MiB)}` };
    const deploymentId = await shared().createDeployment();
    expect(await shared().submit(deploymentId, body)).toBeTypeOf('string');
  });

  it('is answered shortly, however much is wrong with it', async () => {
    const deploymentId = await shared().createDeployment();
    const names = Array.from({ length: 9_000 }, (_, index) => `${'k'.repeat(1_000)}${index}`);
    const overrides = Object.fromEntries(names.map((name) => [name, { inputs: { a: 1 } }]));
    const reply = await shared().call(`/deployments/${deploymentId}/inference`, {
      method: 'POST',
      body: { overrides },
    });
    const { detail, message } = expectError(reply, 422001);
    expect(detail).toHaveLength(1_000);
    expect(message).toContain('8999 more problems');
    expect(reply.bytes.length).toBeLessThan(2 * MiB);
  });
});

describe('a call that names nothing', () => {
  it.each([
    ['GET', `/deployments/${NO_ID}`, 'deployment'],
    ['GET', '/deployments/not-an-id', 'deployment'],
    ['GET', `/deployments/${'%27%20or%201=1--'}`, 'deployment'],
    ['GET', `/deployments/${'x'.repeat(900)}`, 'deployment'],
    ['PATCH', `/deployments/${NO_ID}`, 'deployment'],
    ['DELETE', `/deployments/${NO_ID}`, 'deployment'],
    ['POST', `/deployments/${NO_ID}/inference`, 'deployment'],
    ['POST', '/deployments/%00/inference', 'deployment'],
    ['GET', `/deployments/${NO_ID}/requests/${NO_ID}/status`, 'deployment'],
    ['GET', `/deployments/${NO_ID}/requests/${NO_ID}/result`, 'deployment'],
    ['POST', `/deployments/${NO_ID}/requests/${NO_ID}/cancel`, 'deployment'],
    ['GET', `/workflows/${NO_ID}`, 'workflow'],
    ['GET', '/workflows/undefined', 'workflow'],
    ['DELETE', `/workflows/${NO_ID}`, 'workflow'],
    ['GET', `/workflows/${NO_ID}/versions`, 'workflow'],
    ['POST', `/workflows/${NO_ID}/versions`, 'workflow'],
    ['GET', `/workflows/${NO_ID}/versions/v1`, 'workflow'],
  ])('%s %s gets 404001 that says which kind', async (method, path, kind) => {
    const reply = await shared().call(path, {
      method,
      ...(method === 'GET' || method === 'DELETE' ? {} : { body: {} }),
    });
    expect(expectError(reply, 404001).message).toContain(`There is no ${kind}`);
  });

  it('gets 404001 for a request, a version and a file that do not exist', async () => {
    const deploymentId = await shared().createDeployment();
    for (const requestId of [NO_ID, 'junk', '%F0%9F%98%80']) {
      for (const reply of [
        await shared().status(deploymentId, requestId),
        await shared().result(deploymentId, requestId),
        await shared().cancel(deploymentId, requestId),
      ]) {
        expect(expectError(reply, 404001).message).toContain('There is no request');
      }
    }
    const { workflowId } = await shared().saveWorkflow({});
    for (const version of ['v2', '0', 'v999999999', 'newest', '-1']) {
      expect(
        expectError(await shared().call(`/workflows/${workflowId}/versions/${version}`), 404001).message,
      ).toContain('no version');
    }
    for (const path of [
      `${NO_ID}/output/a.png`,
      `${NO_ID}/input/a.png`,
      `${NO_ID}/temp/../a.png`,
      'junk/output/a.png',
      `${NO_ID}/output/%2e%2e/a.png`,
      `${NO_ID}/output/%zz`,
      `${NO_ID}/output/`,
    ]) {
      expectError(await shared().call(`//deployment_requests/${path}`, { token: null }), 404001);
    }
    expectError(await shared().call('//object_info/guess.json', { token: null }), 404001);
  });

  it("finds no request under another deployment's path", async () => {
    const [one, other] = [await shared().createDeployment(), await shared().createDeployment()];
    const requestId = await shared().submit(one);
    await shared().untilEnded(one, requestId);
    expectError(await shared().status(other, requestId), 404001);
    expectError(await shared().cancel(other, requestId), 404001);
  });

  it.each([
    ['//', 'no route'],
    ['//nothing', 'no route'],
    ['//v1/deployments', '/prod/v1/deployments'],
    ['//prod/v3/deployments', 'no route'],
    ['//deployments', '/prod/v2/deployments'],
    ['/deploymentz', '/deployments'],
    ['//wp-login.php', 'no route'],
  ])('%s gets 404001 that helps', async (path, hint) => {
    expect(expectError(await shared().call(path), 404001).message).toContain(hint);
  });
});

describe('a route that does not take the method', () => {
  it.each([
    ['PUT', '/deployments', 'GET, HEAD, POST'],
    ['DELETE', '/deployments', 'GET, HEAD, POST'],
    ['POST', `/deployments/${NO_ID}`, 'GET, HEAD, PATCH, DELETE'],
    ['GET', `/deployments/${NO_ID}/inference`, 'POST'],
    ['POST', `/deployments/${NO_ID}/requests/${NO_ID}/status`, 'GET, HEAD'],
    ['GET', `/deployments/${NO_ID}/requests/${NO_ID}/cancel`, 'POST'],
    ['PATCH', `/workflows/${NO_ID}`, 'GET, HEAD, DELETE'],
    ['QUERY', '/deployments', 'GET, HEAD, POST'],
    ['POST', '//healthz', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['DELETE', '/docs', 'GET, HEAD'],
  ])('%s %s gets 405001 with the methods it takes', async (method, path, allow) => {
    const reply = await shared().call(path, { method });
    expectError(reply, 405001);
    expect(reply.headers.get('allow')?.split(', ').sort()).toEqual([...allow.split(', '), 'OPTIONS'].sort());
  });
});

describe('a body', () => {
  const app = useTestApp({ env: { COMFLEET_BODY_LIMIT_BYTES: '20000' } });

  it('over the limit gets 413001 that says the limit', async () => {
    const deploymentId = await app().createDeployment();
    const body = { overrides: {}, extra_data: { pad: 'x'.repeat(30_000) } };
    const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
    expect(expectError(reply, 413001).message).toContain('20000 bytes');
  });

  it('over the limit is refused as well when its length is not announced', async () => {
    const deploymentId = await app().createDeployment();
    const reply = await postChunked(`${app().url}/prod/v2/deployments/${deploymentId}/inference`, 'x'.repeat(30_000));
    expect(reply).toMatchObject({ status: 413, body: { error_code: 413001 } });
  });

  it.each([
    ['application/json', '{}'],
    ['text/plain', '{}'],
    ['application/x-www-form-urlencoded', '{"overrides":{}}'],
    ['multipart/form-data; boundary=x', '{}'],
    ['', '{}'],
    ['json', '{}'],
    ['application/json, application/json', '{}'],
    ['application/json; charset=latin1', '{}'],
    ['application/json', ''],
    ['text/html', '   '],
  ])('is JSON whatever Content-Type says: %s with %j', async (contentType, body) => {
    const deploymentId = await app().createDeployment();
    const requestId = await app().submit(deploymentId, body, { headers: { 'content-type': contentType } });
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['{"overrides": {}', 'invalid_json'],
    ['{"overrides": {},}', 'invalid_json'],
    ["{'overrides': {}}", 'invalid_json'],
    ['overrides=1', 'invalid_json'],
    [Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 'invalid_encoding'],
    ['{"metadata": {"a": "\\u0000"}}', 'invalid_character'],
    [`{"overrides":${'['.repeat(70)}${']'.repeat(70)}}`, 'invalid_json'],
  ])('that is no JSON text, %s, gets 422001', async (body, type) => {
    const deploymentId = await app().createDeployment();
    const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
    expect(expectError(reply, 422001).detail).toMatchObject([{ loc: ['body'], type }]);
  });

  it.each(['[]', '"text"', '7', 'null', 'true'])('that is no object, %s, gets 422001', async (body) => {
    const deploymentId = await app().createDeployment();
    const reply = await app().call(`/deployments/${deploymentId}/inference`, { method: 'POST', body });
    expect(expectError(reply, 422001).detail).toMatchObject([{ loc: ['body'], type: 'wrong_type' }]);
  });
});

describe('with COMFLEET_ERROR_STATUS=200', () => {
  const app = useTestApp({ env: { COMFLEET_ERROR_STATUS: '200' } });

  it('errors come with status 200 and their body', async () => {
    const missing = await app().call(`/deployments/${NO_ID}`);
    expect([missing.status, missing.body['error_code']]).toEqual([200, 404001]);
    const refused = await app().call('/deployments', { token: null });
    expect([refused.status, refused.body['error_code']]).toEqual([200, 401001]);
    expect((await app().call('/nothing')).status).toBe(200);
  });

  it('the one strict client gets the two keys that it decodes, others all that is known', async () => {
    const deploymentId = await app().createDeployment();
    const submitWith = async (accept: string) => {
      const body = { overrides: { '999': { inputs: { x: 1 } } } };
      const call = { method: 'POST', body, headers: { accept } } as const;
      return (await app().call(`/deployments/${deploymentId}/inference`, call)).body;
    };
    const strict = await submitWith('application/json; charset=UTF-8');
    expect(strict).toEqual({ error_code: 422001, error_message: expect.stringContaining("'999'") });
    expect(await submitWith('application/json')).toMatchObject({ ...strict, detail: [{ type: 'unknown_node' }] });
  });
});

function postChunked(url: string, body: string): Promise<{ status: number | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'transfer-encoding': 'chunked' };
    const call = request(url, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
    });
    call.on('error', reject);
    call.end(body);
  });
}
