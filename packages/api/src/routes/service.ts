// The routes beside the nouns: hardware, public files, health and this contract itself.
import Type from 'typebox';
import { OpenObject } from '../fields.ts';
import { HardwareList } from '../hardware.ts';
import type { Route } from '../route.ts';

const Health = Type.Object({
  status: Type.Literal('ok'),
  version: Type.String({ description: 'Of the service.' }),
});
const Readiness = Type.Object({
  ...Health.properties,
  role: Type.Optional(
    Type.Union([Type.Literal('brain'), Type.Literal('follower')], {
      description:
        'Where several services share a database: whether this one runs the requests of all, or takes calls only.',
    }),
  ),
});

const FILE_PARAMS = {
  kind: { description: '`output` for results, `temp` for previews.', values: ['output', 'temp'] },
  path: { description: 'The file name, with its subfolder in front.' },
} as const;
const FILE_HEADERS = {
  ETag: 'Changes when the bytes do; for If-None-Match and If-Range.',
  'Accept-Ranges': 'Always `bytes`.',
  'Content-Length': 'Bytes in this answer.',
};
const FILE_REPLIES = {
  200: { description: 'The whole file.', contentType: '*/*', headers: FILE_HEADERS },
  206: { description: 'The range asked for.', contentType: '*/*', headers: FILE_HEADERS },
  302: { description: 'The bytes are at the URL in Location for a while (COMFLEET_PRESIGNED_URL_SECONDS).' },
  304: { description: 'The caller has these bytes already.' },
  416: { description: 'The range lies outside the file.' },
} as const;

export const SERVICE_ROUTES = [
  {
    id: 'listHardware',
    method: 'GET',
    path: '/hardware',
    base: 'versioned',
    access: 'token',
    scopes: ['read', 'run'],
    tag: 'account',
    summary: 'The hardware a deployment can have',
    replies: { 200: { description: 'Every SKU.', schema: HardwareList } },
    errors: [],
  },
  {
    id: 'getFile',
    method: 'GET',
    path: '/deployment_requests/:request_id/:kind/*',
    base: 'root',
    access: 'public',
    tag: 'files',
    summary: 'A result file',
    description: 'Works with and without a token. Files are kept 7 days unless the operator says otherwise, then 404.',
    params: FILE_PARAMS,
    replies: FILE_REPLIES,
    errors: [404001, 503001],
  },
  {
    id: 'headFile',
    method: 'HEAD',
    path: '/deployment_requests/:request_id/:kind/*',
    base: 'root',
    access: 'public',
    tag: 'files',
    summary: "A result file's size and type",
    params: FILE_PARAMS,
    replies: { 200: { description: 'The headers of GET.', headers: FILE_HEADERS } },
    errors: [404001, 503001],
  },
  {
    id: 'getObjectInfo',
    method: 'GET',
    path: '/object_info/:key.json',
    base: 'root',
    access: 'public',
    tag: 'files',
    summary: "A version's object_info",
    params: { key: { description: 'The unguessable part of `object_info_url`.' } },
    replies: { 200: { description: "ComfyUI's object_info as saved with the version.", schema: OpenObject } },
    errors: [404001, 503001],
  },
  {
    id: 'getLiveness',
    method: 'GET',
    path: '/healthz',
    base: 'root',
    access: 'public',
    tag: 'service',
    summary: 'Is the process alive?',
    replies: { 200: { description: 'It is.', schema: Health } },
    errors: [],
  },
  {
    id: 'getReadiness',
    method: 'GET',
    path: '/readyz',
    base: 'root',
    access: 'public',
    tag: 'service',
    summary: 'Can it take calls?',
    replies: { 200: { description: 'It can.', schema: Readiness } },
    errors: [503001],
  },
  {
    id: 'getOpenApi',
    method: 'GET',
    path: '/openapi.json',
    base: 'root',
    access: 'public',
    tag: 'service',
    summary: 'This contract',
    replies: { 200: { description: 'An OpenAPI 3.1 document.', schema: OpenObject } },
    errors: [],
  },
  {
    id: 'getDocs',
    method: 'GET',
    path: '/docs',
    base: 'root',
    access: 'public',
    tag: 'service',
    summary: 'This contract, for people',
    replies: { 200: { description: 'A page without scripts.', contentType: 'text/html' } },
    errors: [],
  },
] as const satisfies readonly Route[];
