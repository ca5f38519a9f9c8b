// Answers what is not HTTP, or has headers beyond any use, in the shape of every other error. Called by http/server.ts:
// such a call has no request object and reaches no route.
import type { Socket } from 'node:net';
import { errorBody } from '@comfleet/api';

export function refuseMalformed(error: Error & { readonly code?: string }, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const body = isTooLarge
    ? errorBody({ code: 413001, message: 'The address and headers of the call are too long (over 16 KiB).', requestId })
    : errorBody({ code: 422001, message: 'The call is not valid HTTP/1.1.', requestId });
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}
