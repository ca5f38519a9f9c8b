// object_info documents: stored once by content, parsed once, found by an unguessable address. Called by save-version.ts, versions.ts and routes.ts.
import { createHash, randomBytes } from 'node:crypto';
import { type ObjectInfo, parseJson } from '@comfleet/comfyui';
import type { Queryable } from '../db/database.ts';
import { findObjectInfo, findObjectInfoByKey, findObjectInfoKey, insertObjectInfo } from './workflows.sql.ts';

const KEPT_PARSED = 8;
const KEY_BYTES = 20;
/** Whatever else a stranger asks for is no key of ours, and need not be text that the database can hold. */
const KEY = /^[0-9a-f]{40}$/;

export interface ObjectInfos {
  /** Stores the text (the back end's own bytes) and returns its SHA-256. */
  save(text: string): Promise<string>;
  /** The parsed document; undefined when no such document is stored. */
  load(sha256: string): Promise<ObjectInfo | undefined>;
  /** The path of its public address. */
  path(sha256: string): Promise<string | undefined>;
  textByKey(key: string): Promise<string | undefined>;
}

export function createObjectInfos({ db }: { db: Queryable }): ObjectInfos {
  const parsed = new Map<string, ObjectInfo>();
  const keys = new Map<string, string>();

  function remember(sha256: string, info: ObjectInfo) {
    parsed.delete(sha256);
    parsed.set(sha256, info);
    const oldest = parsed.keys().next().value;
    if (parsed.size > KEPT_PARSED && oldest !== undefined) parsed.delete(oldest);
  }

  return {
    async save(text) {
      const sha256 = createHash('sha256').update(text).digest('hex');
      if (!parsed.has(sha256)) {
        await insertObjectInfo(db, { sha256, key: randomBytes(KEY_BYTES).toString('hex'), content: text });
      }
      return sha256;
    },
    async load(sha256) {
      const known = parsed.get(sha256);
      if (known) return known;
      const text = await findObjectInfo(db, sha256);
      if (text === undefined) return undefined;
      const info = parseJson(text) as unknown as ObjectInfo;
      remember(sha256, info);
      return info;
    },
    async path(sha256) {
      const key = keys.get(sha256) ?? (await findObjectInfoKey(db, sha256));
      if (key === undefined) return undefined;
      keys.set(sha256, key);
      return `/object_info/${key}.json`;
    },
    textByKey: async (key) => (KEY.test(key) ? await findObjectInfoByKey(db, key) : undefined),
  };
}
