// The storage that the settings name. Called at start and by the checks before it; what S3 needs is loaded only when it is used.
import type { Storage } from './storage.ts';
import type { StorageSettings } from './storage-url.ts';
import { createDiskStore } from './stores/disk.ts';

export async function openStorage(settings: StorageSettings): Promise<Storage> {
  if (settings.kind === 'disk') return createDiskStore(settings);
  const { openS3Store } = await import('./stores/s3.ts');
  return openS3Store(settings);
}

/** In words, for people. */
export function describeStorage(settings: StorageSettings): string {
  if (settings.kind === 'disk') return `the folder ${settings.dir}`;
  const { bucket, prefix, endpoint } = settings;
  return `the bucket ${bucket}${prefix === '' ? '' : ` below ${prefix}`}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
}
