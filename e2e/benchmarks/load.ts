// Many requests on many connections for a while, with autocannon: rows 7 and 9. The same client for both arms.
import autocannon from 'autocannon';

export interface LoadInput {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Called for each request: what to send. */
  readonly next: () => { method: 'GET' | 'POST'; path: string; headers: Record<string, string>; body?: string };
  readonly onAnswer?: (status: number, body: string) => void;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly problems: string[];
}

export async function runLoad({ url, connections, seconds, next, onAnswer }: LoadInput): Promise<LoadResult> {
  const startedAt = performance.now();
  let answered = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: [
      {
        setupRequest: (request) => Object.assign(request, next()),
        onResponse(status, body) {
          if (status === 200) answered += 1;
          onAnswer?.(status, body);
        },
      },
    ],
  });
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  const problems: string[] = [];
  if (result.errors > 0) problems.push(`${result.errors} connection errors`);
  if (result.timeouts > 0) problems.push(`${result.timeouts} time-outs`);
  if (result.non2xx > 0) problems.push(`${result.non2xx} answers were not 2xx`);
  return { perSecond: answered / elapsedSeconds, p99Ms: result.latency.p99, problems };
}
