// The S3 client as the store uses it: loaded when it is needed, with its time-outs and retries, and its errors in our words.
// Called by s3.ts, which says what to ask for.
import { describeError } from '../../telemetry/log.ts';
import { StorageError, type StorageErrorKind } from '../storage.ts';
import type { S3Settings } from '../storage-url.ts';
import { listMissingKeys, quietenNodeNotice } from './s3-environment.ts';

export type S3Library = typeof import('@aws-sdk/client-s3');
export type S3Client = InstanceType<S3Library['S3Client']>;

export interface S3Options {
  /** Undefined: what the client finds by itself, as AWS_ACCESS_KEY_ID, a profile, or the role of the machine. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Of each call: retries with growing pauses are the client's. */
  readonly maxAttempts?: number;
  /** A connection on which nothing moves for so long is dead. */
  readonly silenceMs?: number;
}

export const CLIENT_PACKAGES = '@aws-sdk/client-s3@3.1175.0 @aws-sdk/s3-request-presigner@3.1169.0';

const MAX_ATTEMPTS = 5;
const CONNECT_MS = 5_000;
const SILENCE_MS = 30_000;
/** From a call's first byte to its reply, a part of 5 MiB on a slow line included. */
const CALL_MS = 180_000;

export async function loadS3Library(
  load: () => Promise<S3Library> = () => import('@aws-sdk/client-s3'),
): Promise<S3Library> {
  quietenNodeNotice();
  try {
    return await load();
  } catch (error) {
    const message = `STORAGE_URL needs the S3 client, which is not installed: npm install --no-save --omit=dev ${CLIENT_PACKAGES}`;
    throw new Error(`${message} (${describeError(error).error})`, { cause: error });
  }
}

export function createS3Client(library: S3Library, settings: S3Settings, options: S3Options): S3Client {
  const { region, endpoint, pathStyle } = settings;
  const client = new library.S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    forcePathStyle: pathStyle,
    maxAttempts: options.maxAttempts ?? MAX_ATTEMPTS,
    // The checksums that are younger than many servers: what is sent is signed with its hash anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, options.silenceMs ?? CONNECT_MS),
      requestTimeout: CALL_MS,
      throwOnRequestTimeout: true,
      socketTimeout: options.silenceMs ?? SILENCE_MS,
    },
  });
  return client;
}

const FULL = new Set([
  'XMinioStorageFull',
  'InsufficientStorage',
  'QuotaExceeded',
  'StorageFull',
  'InsufficientCapacity',
]);
const KEYS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
]);
const REGION = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);
const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);
/** The client takes these for time-outs. */
const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE']);

interface Seen {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly status: number | undefined;
}

function look(error: unknown): Seen {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '', status: undefined };
  const { code, $metadata } = error as Error & { code?: unknown; $metadata?: { httpStatusCode?: number } };
  return { name: error.name, message: error.message, code: String(code ?? ''), status: $metadata?.httpStatusCode };
}

/** Nothing is there under this key; a bucket that is not there is another matter. */
export function isMissing(error: unknown): boolean {
  const { name, status } = look(error);
  return name === 'NoSuchKey' || (status === 404 && name !== 'NoSuchBucket' && name !== 'NoSuchUpload');
}

export function isNamed(error: unknown, name: string): boolean {
  return look(error).name === name;
}

export function toS3Error(error: unknown, settings: S3Settings, signal?: AbortSignal): StorageError {
  if (error instanceof StorageError) return error;
  if (signal?.aborted) return new StorageError('the put was given up', { kind: 'aborted', cause: error });
  const seen = look(error);
  const kind: StorageErrorKind = FULL.has(seen.name) || seen.status === 507 ? 'full' : 'unavailable';
  return new StorageError(`[s3] ${kind === 'full' ? 'no room left' : explain(seen, settings)}`, { kind, cause: error });
}

function explainMissingKeys(): string {
  const missing = listMissingKeys();
  const words = missing.length === 0 ? '' : ` (not set: ${missing.join(', ')})`;
  return `there are no credentials${words}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role`;
}

function explain({ name, message, code, status }: Seen, { bucket, endpoint, region }: S3Settings): string {
  const place = endpoint ?? 'Amazon S3';
  if (name === 'NoSuchBucket') return `there is no bucket "${bucket}" at ${place}`;
  if (name === 'CredentialsProviderError') return explainMissingKeys();
  if (KEYS.has(name))
    return `the credentials are not accepted by ${place} (${name}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`;
  if (REGION.has(name)) return `the bucket "${bucket}" is in another region than ${region ?? 'the one set'} (${name})`;
  if (/region is missing/i.test(message)) return 'no region is set: add ?region=… to STORAGE_URL or set AWS_REGION';
  if (status === 403) return `these credentials may not do this in the bucket "${bucket}" (${name})`;
  if (UNREACHABLE.has(code)) return `${place} cannot be reached (${code})`;
  if (BROKEN_OFF.has(code)) return `the connection to ${place} broke off (${code})`;
  if (name === 'TimeoutError') return `${place} does not answer in time`;
  if (status !== undefined) return `${place} answered ${status} (${name})`;
  return `${place}: ${message || code || name}`;
}
