import { expect, test } from 'vitest';
import { checkFileName } from './file-name.ts';

test.each([
  'a.png',
  'sub/folder/a.png',
  'a..b.png',
  'with space.png',
  'a.png [input]',
  '.hidden',
  '..a/b.png',
  'ü.png',
  'a [output] b.png',
  '',
])('%j stays in the input folder', (name) => {
  expect(checkFileName(name)).toBeUndefined();
});

test.each([
  '../a.png',
  'file:///etc/passwd',
  'ftp://example.com/a.png',
  'a/../../b.png',
  '..',
  'sub/..',
  '/etc/passwd',
  ' /etc/passwd',
  '~/a.png',
  'C:/a.png',
  'c:a.png',
  'C:\\a.png',
  '\\\\host\\share',
  'a\\..\\b.png',
  'a.png [output]',
  'a.png[temp]',
  'a.png [OUTPUT] ',
  'a\u0000.png',
  'a\n.png',
  'x/.. /y.png',
])('%j is refused', (name) => {
  expect(checkFileName(name)).toMatchObject({ type: 'invalid_media', input: name });
});
