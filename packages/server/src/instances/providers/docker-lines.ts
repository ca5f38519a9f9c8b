// Reads the streams of a Docker engine: messages one a line, as events and pulls send them, and logs whose two outputs come
// in frames. Called by docker-api.ts.
import { Readable, Writable } from 'node:stream';

const LONGEST_LINE = 1024 * 1024;
/** Lines have any length, and the logs of hundreds that are gone are kept. */
const LOG_BYTES = 64 * 1024;
const PIECE_BYTES = 16 * 1024;

/** Each line that is a JSON object; what is none is left out. Throws when the stream breaks. */
export async function* readMessages(stream: NodeJS.ReadableStream): AsyncGenerator<Record<string, unknown>> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) rest = '';
    for (const line of lines) {
      const message = parse(line);
      if (message !== undefined) yield message;
    }
  }
  const last = parse(rest);
  if (last !== undefined) yield last;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The client copies all that it has at each frame: so it never has much. */
function* cut(framed: Buffer): Generator<Buffer> {
  for (let at = 0; at < framed.length; at += PIECE_BYTES) yield framed.subarray(at, at + PIECE_BYTES);
}

type Demux = (from: NodeJS.ReadableStream, stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream) => void;

/** The end of both outputs, in the order in which they were written. */
export async function readLog(framed: Buffer, demux: Demux): Promise<string[]> {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const from = Readable.from(cut(framed));
  demux(from, sink, sink);
  await new Promise((resolve) => from.once('end', resolve));
  await new Promise<void>((resolve) => sink.end(resolve));
  const bytes = Buffer.concat(chunks);
  const lines = bytes.subarray(-LOG_BYTES).toString().split(/\r?\n/);
  if (bytes.length > LOG_BYTES && lines.length > 1) lines.shift(); // begins in the middle
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
