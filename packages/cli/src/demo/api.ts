// The few calls of the public API that the demo makes, with nothing but fetch: what a user's own program would do.

/** What ends the demo with a message and no stack. */
export class DemoFailure extends Error {}

export interface Api {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  download(url: string): Promise<Buffer>;
}

export function createApi(baseUrl: string, token: string): Api {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const url = path.startsWith('http') ? path : `${baseUrl}/prod/v1${path}`;
    const reply = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    if (!reply.ok) throw new DemoFailure(`${method} ${path} answered ${reply.status}: ${text.slice(0, 2_000)}`);
    return JSON.parse(text) as T;
  }
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    async download(url) {
      const reply = await fetch(url);
      if (!reply.ok) throw new DemoFailure(`GET ${url} answered ${reply.status}`);
      return Buffer.from(await reply.arrayBuffer());
    },
  };
}
