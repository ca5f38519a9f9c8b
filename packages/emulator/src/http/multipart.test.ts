import { expect, it } from 'vitest';
import { readForm } from './multipart.ts';

const body = (...parts: string[]) =>
  Buffer.from(`${parts.map((part) => `--b\r\n${part}\r\n`).join('')}--b--\r\n`, 'latin1');

const TYPE = 'multipart/form-data; boundary=b';

it('reads fields and files, byte for byte', () => {
  const form = readForm(
    body(
      'Content-Disposition: form-data; name="type"\r\n\r\ninput',
      'Content-Disposition: form-data; name="image"; filename="a b.png"\r\nContent-Type: image/png\r\n\r\n\x00\xff\r\n-b\r\n',
    ),
    TYPE,
  );
  expect(form?.get('type')).toEqual({ filename: undefined, bytes: Buffer.from('input') });
  expect(form?.get('image')).toEqual({ filename: 'a b.png', bytes: Buffer.from('\x00\xff\r\n-b\r\n', 'latin1') });
});

it('reads names in both notations, and takes the first part of a name', () => {
  const form = readForm(
    body(
      "Content-Disposition: form-data; name=image; filename*=utf-8''%C3%BC.png\r\n\r\n1",
      'Content-Disposition: form-data; name="image"; filename="other.png"\r\n\r\n2',
    ),
    TYPE,
  );
  expect(form?.get('image')?.filename).toBe('ü.png');
});

it('knows no form in other bodies', () => {
  expect(readForm(Buffer.from('{}'), 'application/json')).toBeUndefined();
  expect(readForm(Buffer.from('x'), undefined)).toBeUndefined();
});
