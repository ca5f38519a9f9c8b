// Every setting with its default, unit and meaning. The source of .env.example and of the README's table; config.ts reads
// them and refuses what is none.

export interface Setting {
  readonly name: string;
  readonly default: string;
  readonly unit?: string;
  readonly what: string;
}

export const SETTINGS: readonly Setting[] = [
  { name: 'PORT', default: '7788', what: 'port the API listens on (0 takes a free one)' },
  { name: 'HOST', default: '127.0.0.1', what: 'address the API listens on; a public one is announced at start' },
  {
    name: 'COMFLEET_DATA',
    default: './.comfleet',
    what: 'folder of the embedded database, the files and the admin token',
  },
  {
    name: 'STORAGE_URL',
    default: 'file: in the data directory',
    what: 'where files are kept: `s3://bucket/prefix?region=…&endpoint=…&path_style=…` or `file:<folder>`',
  },
  {
    name: 'COMFLEET_PRESIGNED_URL_SECONDS',
    default: '0',
    unit: 'seconds',
    what: 'downloads are sent on to URLs of the S3 storage that are good for so long; 0 passes the bytes through this service',
  },
  {
    name: 'COMFLEET_INPUT_CACHE_BYTES',
    default: '10737418240',
    unit: 'bytes',
    what: 'kept of media inputs; those that were not used for longest go first, never one that a request still needs',
  },
  { name: 'COMFLEET_ADMIN_TOKEN', default: 'made at the first start', what: "the first account's token" },
  { name: 'COMFLEET_PUBLIC_URL', default: 'from the request on loopback', what: 'what URLs in answers begin with' },
  {
    name: 'COMFLEET_ALLOWED_HOSTS',
    default: 'loopback',
    what: 'comma list of Host names honoured without a public URL',
  },
  {
    name: 'COMFLEET_TRUSTED_PROXIES',
    default: 'none',
    what: 'comma list of addresses or CIDR blocks whose X-Forwarded-* headers count',
  },
  { name: 'DATABASE_URL', default: 'embedded PostgreSQL', what: "one's own PostgreSQL (14 or later)" },
  {
    name: 'COMFLEET_ADVERTISE_URL',
    default: 'the first address that is not internal',
    what: 'http URL by which other replicas on the same database reach this one',
  },
  {
    name: 'COMFLEET_COMFYUI',
    default: 'the embedded emulator',
    what: 'comma list of ComfyUI URLs (also --comfyui URL, repeatable)',
  },
  {
    name: 'COMFLEET_ALLOW_PRIVATE_HOSTS',
    default: '',
    what: 'comma list of host:port (IPv6 as [::1]:port) that media fetches and webhooks may reach although private',
  },
  {
    name: 'COMFLEET_CANCELLED_WORD',
    default: 'by version',
    what: 'canceled or cancelled, whatever version the caller uses',
  },
  { name: 'COMFLEET_ERROR_STATUS', default: 'real', what: '200 answers errors with HTTP 200, for old programs' },
  { name: 'COMFLEET_RETENTION_DAYS', default: '7', unit: 'days', what: 'how long result files are kept' },
  {
    name: 'COMFLEET_REQUEST_RETENTION_DAYS',
    default: '30',
    unit: 'days',
    what: 'how long ended requests can be looked up; at least as long as their files',
  },
  {
    name: 'COMFLEET_UNUSED_VERSIONS',
    default: '3',
    unit: 'versions',
    what: 'versions that no deployment uses that a workflow keeps; older ones go when a new one is saved',
  },
  {
    name: 'COMFLEET_QUEUE_LIMIT',
    default: '10000',
    unit: 'requests',
    what: 'waiting requests a deployment may have',
  },
  {
    name: 'COMFLEET_START_TIMEOUT_SECONDS',
    default: '900',
    unit: 'seconds',
    what: 'how long a request waits while no instance can be reached',
  },
  {
    name: 'COMFLEET_RUN_TIMEOUT_SECONDS',
    default: '3600',
    unit: 'seconds',
    what: 'how long one run may take on an instance',
  },
  {
    name: 'COMFLEET_STOP_GRACE_SECONDS',
    default: '10',
    unit: 'seconds',
    what: 'how long a stop waits for work under way',
  },
  { name: 'COMFLEET_BODY_LIMIT_BYTES', default: '67108864', unit: 'bytes', what: 'largest request body' },
  {
    name: 'COMFLEET_BILLING',
    default: 'off',
    what: 'on prices what runs and refuses new runs when the balance or a spending limit does not allow them',
  },
  { name: 'COMFLEET_DEFAULT_SKU', default: 'the cheapest', what: 'the hardware of a deployment that names none' },
  {
    name: 'COMFLEET_SKU_WITHOUT_PROVIDER',
    default: 'default-pool',
    what: 'error refuses deployments on hardware whose provider the configuration does not name',
  },
  {
    name: 'COMFLEET_PROXY_ALLOW',
    default: 'what an app needs',
    what: 'comma list of changes to what passes the instance proxy: `+GET userdata/*` opens, `-POST free` closes, `*` opens all',
  },
  {
    name: 'COMFLEET_PROXY_BODY_LIMIT_BYTES',
    default: '8589934592',
    unit: 'bytes',
    what: 'largest body that passes the instance proxy, in either direction',
  },
  {
    name: 'COMFLEET_RATE_LIMIT_WRITES',
    default: '100',
    unit: 'calls a second and token',
    what: 'POST, PATCH and DELETE calls; 0 turns the limit off',
  },
  {
    name: 'COMFLEET_RATE_LIMIT_READS',
    default: '1000',
    unit: 'calls a second and token',
    what: 'GET and HEAD calls; 0 turns the limit off',
  },
  {
    name: 'COMFLEET_CORS_ORIGINS',
    default: 'none',
    what: 'comma list of origins whose pages may call the API, or `*` for all',
  },
  {
    name: 'COMFLEET_METRICS_TOKEN',
    default: 'none',
    what: 'bearer token that reads /metrics on the port of the API; without one there is no /metrics there',
  },
  {
    name: 'COMFLEET_ADMIN_PORT',
    default: 'none',
    what: 'a port of its own, on the same address, for /metrics (open), /healthz and /readyz',
  },
  {
    name: 'COMFLEET_SANDBOX',
    default: 'off',
    what: 'on lets callers provoke every error with the header comfleet-simulate (also --sandbox): for client tests only',
  },
  { name: 'COMFLEET_LOG_LEVEL', default: 'info', what: 'debug, info, warn, error or silent' },
];
