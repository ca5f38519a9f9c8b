// The S3 stand-in as a process of its own, for campaigns and for memory to be measured beside it. Prints its URL, ends on
// SIGTERM. PORT and S3_BUCKET may be set.
import { startS3Server } from './s3-server.ts';

const { PORT = '0', S3_BUCKET = 'pictures' } = process.env;
const server = await startS3Server({ bucket: S3_BUCKET, port: Number(PORT) });
process.stdout.write(`${server.url}\n`);
process.once('SIGTERM', () => void server.close());
