import { describe, expect, it } from 'vitest';
import { type AddressedCall, createPublicUrl, type PublicUrlSettings } from './public-url.ts';

const settings: PublicUrlSettings = { publicUrl: undefined, allowedHosts: [], trustedProxies: [] };
const call = (fields: Partial<AddressedCall>): AddressedCall => ({
  host: '127.0.0.1:7788',
  remoteAddress: '127.0.0.1',
  forwardedHost: undefined,
  forwardedProto: undefined,
  ...fields,
});

describe('without a public URL', () => {
  it.each(['localhost', 'localhost:7788', '127.0.0.1:1', '127.9.9.9', '[::1]:80', 'LOCALHOST:7788'])(
    'the Host %s is honoured',
    (host) => expect(createPublicUrl(settings)(call({ host }))).toBe(`http://${host}`),
  );

  it.each([
    undefined,
    '',
    'example.org',
    '10.0.0.1',
    'localhost.evil.org',
    'evil.org#localhost',
    '127.0.0.1@evil.org',
    'localhost:99999999',
  ])('the Host %s is refused', (host) =>
    expect(() => createPublicUrl(settings)(call({ host }))).toThrow(/not one this service may put into URLs/),
  );

  it('a Host on the allow-list is honoured, on any port and in any case', () => {
    const base = createPublicUrl({ ...settings, allowedHosts: ['API.example.org'] });
    expect(base(call({ host: 'api.example.org:8443' }))).toBe('http://api.example.org:8443');
    expect(() => base(call({ host: 'api.example.org.evil.org' }))).toThrow();
  });

  it('X-Forwarded-* counts from a trusted proxy, and only its first value', () => {
    const base = createPublicUrl({ ...settings, allowedHosts: ['a.example'], trustedProxies: ['10.0.0.0/8', '::1'] });
    const forwarded = { forwardedHost: 'a.example, evil.example', forwardedProto: 'https, http' };
    for (const remoteAddress of ['10.2.3.4', '::ffff:10.2.3.4', '::1'])
      expect(base(call({ ...forwarded, remoteAddress }))).toBe('https://a.example');
    for (const remoteAddress of ['11.0.0.1', '::2', undefined])
      expect(base(call({ ...forwarded, remoteAddress }))).toBe('http://127.0.0.1:7788');
    expect(base(call({ remoteAddress: '10.1.1.1', forwardedProto: 'gopher' }))).toBe('http://127.0.0.1:7788');
  });
});

it('a public URL is used whatever the call says', () => {
  const base = createPublicUrl({ ...settings, publicUrl: 'https://p.example/comfy' });
  expect(base(call({ host: 'evil.example' }))).toBe('https://p.example/comfy');
});
