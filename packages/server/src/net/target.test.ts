import { describe, expect, it } from 'vitest';
import { judgeAddress } from './judge-address.ts';
import { allowedHosts, judgeTarget } from './target.ts';

function verdict(address: string): string {
  const judged = judgeAddress(address);
  return judged.kind === 'public' ? 'public' : judged.reason;
}

describe('judgeAddress', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '168.63.129.15',
    '168.63.129.17',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.0.3.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '198.51.99.255',
    '198.51.101.0',
    '203.0.112.255',
    '203.0.114.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80b::200e',
    '2001:200::1',
    '2001:4860:4860::8888',
    '2001:db7::1',
    '2001:db9::1',
    '2003::1',
    '3fff:1000::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2606:4700::5efe:808:808',
  ])('%s is public', (address) => {
    expect(verdict(address)).toBe('public');
  });

  it.each([
    ['0.0.0.0', 'this network'],
    ['0.255.255.255', 'this network'],
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.0', 'carrier-grade NAT'],
    ['100.100.100.200', 'carrier-grade NAT'],
    ['100.127.255.255', 'carrier-grade NAT'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.255', 'loopback'],
    ['168.63.129.16', 'cloud metadata'],
    ['169.254.0.0', 'link-local'],
    ['169.254.169.254', 'link-local'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.1', 'protocol assignments'],
    ['192.0.0.192', 'protocol assignments'],
    ['192.0.2.1', 'documentation'],
    ['192.31.196.1', 'AS112'],
    ['192.52.193.1', 'AMT'],
    ['192.88.99.1', '6to4 relay'],
    ['192.168.0.1', 'private'],
    ['192.175.48.1', 'AS112'],
    ['198.18.0.1', 'benchmarking'],
    ['198.19.255.255', 'benchmarking'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.1', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
  ])('%s is refused as %s', (address, reason) => {
    expect(verdict(address)).toBe(reason);
  });

  it.each([
    ['::', 'not global unicast'],
    ['::1', 'not global unicast'],
    ['::8.8.8.8', 'not global unicast'],
    ['::7f00:1', 'not global unicast'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['::ffff:0:8.8.8.8', 'not global unicast'],
    ['64:ff9b::127.0.0.1', 'loopback'],
    ['64:ff9b::a9fe:a9fe', 'link-local'],
    ['64:ff9b:1::808:808', 'not global unicast'],
    ['100::1', 'not global unicast'],
    ['100:0:0:1::1', 'not global unicast'],
    ['5f00::1', 'not global unicast'],
    ['2001::1', 'protocol assignments'],
    ['2001:0:53aa:64c:0:0:80ff:fffe', 'protocol assignments'],
    ['2001:2::1', 'protocol assignments'],
    ['2001:10::1', 'protocol assignments'],
    ['2001:1ff::1', 'protocol assignments'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4'],
    ['2002:808:808::1', '6to4'],
    ['2620:4f:8000::1', 'AS112'],
    ['3fff::1', 'documentation'],
    ['3fff:fff::1', 'documentation'],
    ['4000::1', 'not global unicast'],
    ['fc00::1', 'private'],
    ['fd00:ec2::254', 'private'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['2606:4700::5efe:7f00:1', 'loopback'],
    ['2606:4700::200:5efe:a00:1', 'private'],
  ])('%s is refused as %s', (address, reason) => {
    expect(verdict(address)).toBe(reason);
  });

  it.each([
    '',
    'localhost',
    '1',
    '127.1',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '8.8.8.8.',
    '08.8.8.8',
    '1.2.3.4.5',
    'fe80::1%eth0',
    '2606:4700::1%1',
    '[::1]',
    '８.8.8.8',
  ])('"%s" is not taken for an address', (text) => {
    expect(verdict(text)).toBe('not an address');
  });
});

const NOTHING_ALLOWED = allowedHosts([]);

describe('judgeTarget', () => {
  it.each([
    'https://127.0.0.1/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
    'https://127.1/',
    'https://127.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://0177.1/',
    'https://017700000001/',
    'https://127.0.0.1./',
    'https://0x7F.0x0.0x0.0x1/',
    'https://127.0.0.1:443/',
    'https://%31%32%37.0.0.1/',
    'https://127%2e0%2e0%2e1/',
    'https://１２７.0.0.1/',
    'https://127。0。0。1/',
    'https://①②⑦.0.0.1/',
    'https://0/',
    'https://0.0.0.0/',
    'https://[::]/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::127.0.0.1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::FFFF:7F00:1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://[ff02::1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://0xa9fea9fe/',
    'https://2852039166/',
    'https://0251.0376.0251.0376/',
    'https://168.63.129.16/',
    'https://100.100.100.200/',
    'https://192.0.0.192/',
    'https:\\\\127.0.0.1\\x',
    'https:127.0.0.1',
    'https:/127.0.0.1/',
    'https:////127.0.0.1/',
    '  https://127.0.0.1/  ',
    'https://127.0.\n0.1/',
    'https://255.255.255.255/',
    'https://3232235521/',
    'https://[::ffff:0:127.0.0.1]/',
    'https://[2001:0:53aa:64c::80ff:fffe]/',
  ])('%j leads to an address that is refused', (text) => {
    expect(judgeTarget(text, NOTHING_ALLOWED)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('does not lead to a public address'),
    });
  });

  it.each([
    ['https://user@example.com/', 'user name'],
    ['https://user:pass@example.com/', 'user name'],
    ['https://example.com@127.0.0.1/', 'user name'],
    ['https://:pass@example.com/', 'user name'],
    ['http://example.com/', 'is not https'],
    ['ftp://example.com/', 'only https'],
    ['file:///etc/passwd', 'only https'],
    ['gopher://127.0.0.1:70/', 'only https'],
    ['data:text/plain,x', 'only https'],
    ['blob:https://example.com/1', 'only https'],
    ['javascript:alert(1)', 'only https'],
    ['https://example.com:8443/', 'port'],
    ['https://example.com:22/', 'port'],
    ['https://example.com:0/', 'port'],
    ['https://[fe80::1%25eth0]/', 'cannot be parsed'],
    ['https://127.0.0.1.5.6/', 'cannot be parsed'],
    ['https://256.256.256.256/', 'cannot be parsed'],
    ['https://exa mple.com/', 'cannot be parsed'],
    ['https://', 'cannot be parsed'],
    ['//example.com/', 'cannot be parsed'],
    ['example.com/x.png', 'cannot be parsed'],
    ['', 'cannot be parsed'],
    ['https://example.com:99999/', 'cannot be parsed'],
    [`https://example.com/${'x'.repeat(9_000)}`, 'longer than'],
  ])('%s is refused because: %s', (text, why) => {
    expect(judgeTarget(text, NOTHING_ALLOWED)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(why),
    });
  });

  it.each([
    'https://example.com/x.png?sig=1',
    'https://example.com:443/',
    'https://example.com:80/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'HTTPS://Example.COM',
    'https://localhost.example.com/',
    'https://mylocalhost/',
    'https://bücher.example/',
  ])('%s may be tried', (text) => {
    expect(judgeTarget(text, NOTHING_ALLOWED).kind).toBe('ok');
  });

  it('refusals show neither query nor userinfo', () => {
    const text = JSON.stringify(judgeTarget('http://example.com/a?sig=hunter2', NOTHING_ALLOWED));
    expect(text).toContain('http://example.com/a');
    expect(text).not.toContain('hunter2');
  });
});

describe('the allow-list', () => {
  const allowed = allowedHosts([' localhost:9000 ', '[::1]:9000', '10.0.0.5:80', 'Minio.Internal:443', '']);

  it.each([
    'http://localhost:9000/x',
    'https://localhost:9000/x',
    'http://LOCALHOST:9000',
    'http://[::1]:9000/',
    'http://10.0.0.5/',
    'http://10.0.0.5:80/',
    'https://minio.internal/x',
    'http://minio.internal:443/',
  ])('%s is opened', (text) => {
    expect(judgeTarget(text, allowed)).toMatchObject({ kind: 'ok', target: { isAllowListed: true } });
  });

  it.each([
    'http://localhost/',
    'http://localhost:9001/',
    'http://127.0.0.1:9000/',
    'http://localhost.:9000/',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]:9000/',
    'https://10.0.0.5/',
    'http://10.5:80/',
    'http://evil.localhost:9000/',
    'http://localhost:9000@example.com/',
    'http://localhost:9000.example.com/',
    'http://localhost:09000/',
    'http:/localhost:9000/',
    'http://local\thost:9000/',
  ])('%j is not', (text) => {
    expect(judgeTarget(text, allowed).kind).toBe('refused');
  });
});
