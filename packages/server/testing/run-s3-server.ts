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

interface Told {
  readonly id: number;
  readonly add?: readonly S3Fault[];
  /** Whose faults are over, or asked for; else all. */
  readonly operation?: string;
  readonly isOver?: boolean;
}

process.on('message', ({ id, add = [], operation, isOver = false }: Told) => {
  server.faults.push(...add);
  const meant = server.faults.filter((fault) => operation === undefined || fault.operation === operation);
  if (isOver) for (const fault of meant) fault.times = 0;
  process.send?.({ id, left: meant.filter(({ times }) => times > 0).length });
});
process.send?.({ url: server.url });
