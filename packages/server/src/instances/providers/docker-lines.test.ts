// What is read of a container's log, in the frames of the engine.
import Dockerode from 'dockerode';
import { expect, it } from 'vitest';
import { readLog } from './docker-lines.ts';

const { modem } = new Dockerode({ host: '127.0.0.1' });

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

const read = (...frames: Buffer[]) => readLog(Buffer.concat(frames), modem.demuxStream.bind(modem));

it('both outputs come in their order, and none is an empty log', async () => {
  expect(await read(frame(1, 'one\n'), frame(2, 'two\r\n'), frame(1, 'three'))).toEqual(['one', 'two', 'three']);
  expect(await read()).toEqual([]);
});

it('of a flood the end is kept, and of a line that is longer than that its end', async () => {
  const flood = Array.from({ length: 100 }, (_, index) => frame(1, `${index} ${'x'.repeat(16_000)}\n`));
  const lines = await read(...flood);
  expect(lines.join('\n').length).toBeLessThanOrEqual(64 * 1024);
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['96', '97', '98', '99']);
  const [line = '', ...others] = await read(...Array.from({ length: 100 }, () => frame(2, 'y'.repeat(16_000))));
  expect([line.length, others]).toEqual([64 * 1024, []]);
});
