import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readPhoto } from './photo.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'comfleet-photo-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('sends the bytes of the file under the type that its bytes tell, whatever its name', async () => {
  const path = join(folder, 'photo.txt');
  const bytes = Buffer.from('\x89PNG\r\n\x1a\nrest', 'latin1');
  await writeFile(path, bytes);
  const photo = await readPhoto(path);
  expect(photo).toMatchObject({ kind: 'ok', mime: 'image/png', sizeBytes: bytes.length });
  expect(photo.kind === 'ok' && photo.dataUri).toBe(`data:image/png;base64,${bytes.toString('base64')}`);
});

it('says when there is no such file', async () => {
  expect(await readPhoto(join(folder, 'none.jpg'))).toMatchObject({
    message: expect.stringContaining('there is no file'),
  });
});

it('says when the path is a folder', async () => {
  expect(await readPhoto(folder)).toMatchObject({ message: expect.stringContaining('is not a file') });
});

it('says when the file is no picture, or empty', async () => {
  for (const text of ['hello', '']) {
    const path = join(folder, 'note.jpg');
    await writeFile(path, text);
    expect(await readPhoto(path)).toMatchObject({
      message: expect.stringContaining('is no picture the demo can send'),
    });
  }
});
