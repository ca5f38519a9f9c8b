// The reader of the contract that comes with the service.
// routes: getDocs
import { expect, it } from 'vitest';
import { useTestApp } from '../testing/create-test-app.ts';

const app = useTestApp();

it('the page shows every route of the document, and needs nothing from anywhere', async () => {
  const page = await app().call('//docs', { token: null });
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page.text).not.toMatch(/<script|<link|<img|src=|@import|url\(/i);
  const document = await app().call('//openapi.json', { token: null });
  expect(document.body['openapi']).toMatch(/^3\.1\./);
  for (const path of Object.keys(document.body['paths'] as object)) expect(page.text).toContain(`<code>${path}</code>`);
});

it('the page says where paths begin, how a call is allowed, and reads as text', async () => {
  const { text } = await app().call('//docs', { token: null });
  expect(text).toContain('/prod/{api_version}</code>');
  expect(text).toContain('Authorization: Bearer &lt;token&gt;');
  expect(text).toContain('<li>401: 401001 Unauthorized: The token is missing or not valid.</li>');
  expect(text.replace(/<pre>.*?<\/pre>/gs, '')).not.toContain('`');
});
