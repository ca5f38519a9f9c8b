// Answers what is not HTTP, or has headers beyond any use, in the shape of every other error. Called by http/server.ts:
// such a call has no request object and reaches no route.
import type { Socket } from 'node:net';
import { errorBody } from '@comfleet/api';

interface Reason {
  readonly status: string;
  readonly code: 413001 | 422001;
  readonly message: string;
}

const NOT_HTTP: Reason = { status: '400 Bad Request', code: 422001, message: 'The call is not valid HTTP/1.1.' };
const REASONS: Readonly<Record<string, Reason>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 413001,
    message: 'The address and headers of the call are too long (over 16 KiB).',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 422001,
    message: 'The call did not arrive whole in time.',
  },
};

export function refuseMalformed(error: Error & { readonly code?: string }, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const { status, code, message } = REASONS[error.code ?? ''] ?? NOT_HTTP;
  const body = errorBody({ code, message, requestId });
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}
