// The S3 stand-in as a process of its own, for campaigns and for memory to be measured beside it. Prints its URL, ends on
// SIGTERM. PORT and S3_BUCKET may be set. Its parent, where there is a channel to it, tells it how to fail and is told what
// is left of that.
import { type S3Fault, startS3Server } from './s3-server.ts';

const { PORT = '0', S3_BUCKET = 'pictures' } = process.env;
const server = await startS3Server({ bucket: S3_BUCKET, port: Number(PORT) });
process.stdout.write(`${server.url}\n`);
process.once('SIGTERM', () => {
  if (process.connected) process.disconnect();
  void server.close();
});
process.on('message', ({ id, add = [], isOver = false }: { id: number; add?: S3Fault[]; isOver?: boolean }) => {
  if (isOver) server.faults.length = 0;
  server.faults.push(...add);
  const left = server.faults.filter(({ times }) => times > 0).length;
  process.send?.({ id, left, uploads: server.store.uploads.size });
});
process.send?.({ url: server.url });
