// A storage that cannot be used → 503001 for the call that needs it. Called where a call waits for the storage: the submit
// of a data URI, the download of a file.
import { ApiError } from '@comfleet/api';
import { StorageError, type StorageErrorKind } from './storage.ts';

const WHY: Partial<Record<StorageErrorKind, string>> = {
  full: 'has no room left',
  unavailable: 'cannot be used at the moment',
};

export async function refuseUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const why = error instanceof StorageError ? WHY[error.kind] : undefined;
    const message = `The file storage of this server ${why}; nothing was accepted.`;
    throw why === undefined ? error : new ApiError(503001, message, { cause: error });
  }
}
