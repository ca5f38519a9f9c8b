// Whose is what on an instance that several accounts share. Called by every proxied path that shows or takes something
// of somebody: prompts, their files, uploads.
import type { Database } from '../db/database.ts';
import { uploadFolder } from '../files/upload-folder.ts';
import { isUuid } from '../telemetry/new-id.ts';
import {
  findFolderOwner,
  findPromptOwner,
  insertProxiedPrompt,
  isFileOfAccount,
  isPromptOfRequest,
  listOwnPrompts,
  type ProxiedPrompt,
} from './owners.sql.ts';

export interface FileName {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

export interface Owners {
  /** Durable before the prompt is sent: its traces on the instance are never nobody's. */
  record(prompt: ProxiedPrompt): Promise<void>;
  ownsPrompt(at: { accountId: string; instanceId: string }, promptId: string): Promise<boolean>;
  listPrompts(at: { accountId: string; instanceId: string }, limit: number): Promise<string[]>;
  ownsFile(at: { accountId: string; instanceId: string }, file: FileName): Promise<boolean>;
  /** A preview that a node of the account's proxied prompt made: its name says nothing of whose it is. */
  noteFile(at: { accountId: string; instanceId: string }, file: FileName): void;
}

interface Deps {
  readonly db: Database;
  readonly now: () => number;
  /** The prompts that are on an instance now, with their accounts. */
  readonly promptsOn: (instanceId: string) => ReadonlyMap<string, string>;
}

const REMEMBERED = 20_000;
const DAY_MS = 86_400_000;
/** How long before its prompt was made a request may have been submitted. */
const LONGEST_WAIT_MS = DAY_MS;

export function createOwners({ db, now, promptsOn }: Deps): Owners {
  const prompts = createMemory();
  const folders = createMemory();
  const files = createMemory();

  async function ownsFolder(accountId: string, folder: string): Promise<boolean> {
    const id = folder.slice(0, 36).toLowerCase();
    if (!isUuid(id) || !/^(-\d+)?$/.test(folder.slice(36))) return false;
    const owner = folders.get(id) ?? (await findFolderOwner(db, id));
    if (owner !== undefined) folders.set(id, owner);
    return owner === accountId;
  }

  return {
    async record(prompt) {
      await insertProxiedPrompt(db, prompt);
      prompts.set(prompt.promptId, prompt.accountId);
    },
    async ownsPrompt({ accountId, instanceId }, promptId) {
      const id = promptId.toLowerCase();
      if (!isUuid(id)) return false;
      const owner = prompts.get(id) ?? promptsOn(instanceId).get(id) ?? (await findPromptOwner(db, id));
      if (owner !== undefined) return owner === accountId;
      const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
      const isOwn = await isPromptOfRequest(db, {
        accountId,
        promptId: id,
        from: Math.min(madeAt, now()) - LONGEST_WAIT_MS,
        to: Math.min(madeAt, now()) + 1_000,
      });
      if (isOwn) prompts.set(id, accountId);
      return isOwn;
    },
    listPrompts: async (at, limit) => await listOwnPrompts(db, { ...at, since: now() - DAY_MS, limit }),
    async ownsFile(at, file) {
      const [folder = '', ...below] = file.subfolder.split('/');
      if (file.type === 'input') return isBelow(`${folder}/${below.join('/')}`, uploadFolder(at.accountId));
      if (await ownsFolder(at.accountId, folder)) return true;
      const path = file.subfolder === '' ? file.filename : `${file.subfolder}/${file.filename}`;
      const source = `${at.instanceId}/${file.type}/${path}`;
      return files.get(source) === at.accountId || (await isFileOfAccount(db, { accountId: at.accountId, source }));
    },
    noteFile({ accountId, instanceId }, { filename, subfolder, type }) {
      files.set(`${instanceId}/${type}/${subfolder === '' ? filename : `${subfolder}/${filename}`}`, accountId);
    },
  };
}

export function isBelow(path: string, folder: string): boolean {
  return path === folder || path === `${folder}/` || path.startsWith(`${folder}/`);
}

/** What is once true stays true, so the oldest are only forgotten for room. */
function createMemory() {
  const known = new Map<string, string>();
  return {
    get: (key: string) => known.get(key),
    set(key: string, owner: string) {
      known.set(key, owner);
      const oldest = known.keys().next().value;
      if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
    },
  };
}
