// Reads the streams of a Docker engine: messages one a line, as events and pulls send them, and logs whose two outputs come
// in frames. Called by docker-api.ts.
import { Readable, Writable } from 'node:stream';

const LONGEST_LINE = 1024 * 1024;

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

type Demux = (from: NodeJS.ReadableStream, stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream) => void;

/** Both outputs, in the order in which they were written. */
export async function readLog(framed: Buffer, demux: Demux): Promise<string[]> {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const from = Readable.from([framed]);
  demux(from, sink, sink);
  await new Promise((resolve) => from.once('end', resolve));
  await new Promise<void>((resolve) => sink.end(resolve));
  const lines = Buffer.concat(chunks).toString().split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
