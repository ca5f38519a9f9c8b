// The judge's part about what is owed and kept: money (invariant 6), files (7), webhooks (9), instances (10), secrets (12),
// what a storm leaves behind (13), and the times that the goals bound. Called by check-history.pure.ts.
import { groupBy } from './group-by.pure.ts';
import type { History, LedgerEntry, Money, Violation } from './history.pure.ts';

const COMPLAINT = 'against the rules of this campaign' as const;
const RESULT_WORD: Readonly<Record<string, RegExp>> = {
  succeeded: /^succeeded$/,
  failed: /^failed$/,
  cancelled: /^cancell?ed$/,
};

export function findBadRecords(history: History): Violation[] {
  return [
    ...findAlteredFiles(history),
    ...findUnkept(history),
    ...findUndelivered(history),
    ...(history.money ? findBadMoney(history.money) : []),
    ...findBadFleet(history),
    ...(history.leaks ?? []).map((message) => ({ kind: 'secret told' as const, message })),
    ...(history.complaints ?? []).map((message) => ({ kind: COMPLAINT, message })),
    ...findLeftovers(history),
    ...findTooLate(history),
  ];
}

function findAlteredFiles({ submissions, files }: History): Violation[] {
  if (files === undefined) return [];
  const recorded = groupBy(files, ({ requestId }) => requestId);
  return submissions.flatMap(({ acknowledged: [requestId = ''], observations }) => {
    const hashes = new Set(recorded.get(requestId)?.map(({ sha256 }) => sha256));
    const altered = observations.find((o) => o.kind === 'file' && o.sha256 !== undefined && !hashes.has(o.sha256));
    if (altered === undefined) return [];
    return [{ kind: 'altered file', message: `request ${requestId} was given bytes that are not those on record` }];
  });
}

/** A file that counts is in the storage, byte for byte, and was there before its request was said to have ended. */
function findUnkept({ files = [], kept }: History): Violation[] {
  if (kept === undefined) return [];
  const found = new Map(kept.map((file) => [file.storageKey, file]));
  return files.flatMap(({ requestId, sha256, storageKey, endedAt }): Violation[] => {
    if (storageKey === undefined) return [];
    const file = found.get(storageKey);
    if (file === undefined)
      return [{ kind: 'missing file', message: `request ${requestId}: ${storageKey} is not in the storage` }];
    if (file.sha256 !== sha256)
      return [{ kind: 'altered file', message: `request ${requestId}: the storage has other bytes as ${storageKey}` }];
    if (endedAt === undefined || file.sinceMs <= endedAt) return [];
    const lateMs = Math.round(file.sinceMs - endedAt);
    return [{ kind: 'missing file', message: `request ${requestId} ended ${lateMs} ms before its bytes were kept` }];
  });
}

function findUndelivered({ submissions, rows, deliveries = [], receptions }: History): Violation[] {
  if (receptions === undefined) return [];
  const states = new Map(rows.map(({ requestId, state }) => [requestId, state]));
  const exhausted = new Set(deliveries.filter(({ status }) => status === 'failed').map(({ requestId }) => requestId));
  const received = groupBy(receptions, ({ requestId }) => requestId);
  return submissions.flatMap(({ acknowledged: [requestId = ''], isWebhookWanted = false }): Violation[] => {
    const word = RESULT_WORD[states.get(requestId) ?? ''];
    if (!isWebhookWanted || word === undefined) return [];
    const posts = received.get(requestId) ?? [];
    const acknowledged = posts.filter(({ isAcknowledged }) => isAcknowledged);
    if (acknowledged.length === 0 && !exhausted.has(requestId)) {
      return [{ kind: 'webhook not delivered', message: `request ${requestId} ended, and its receiver does not know` }];
    }
    const untrue = posts.find(({ status }) => !word.test(status));
    const ids = new Set(posts.map(({ webhookId }) => webhookId));
    if (untrue === undefined && ids.size <= 1) return [];
    const what = untrue === undefined ? `${ids.size} different webhooks` : `"${untrue.status}"`;
    const message = `request ${requestId} ended ${states.get(requestId)}, and its receiver was told ${what}`;
    return [{ kind: 'webhook untrue', message }];
  });
}

function findBadMoney({ ledger, balances, openMeters }: Money): Violation[] {
  const violations: Violation[] = [];
  for (const [accountId, told] of balances) {
    const sum = ledger
      .filter((entry) => entry.accountId === accountId)
      .reduce((total, { microdollars }) => total + microdollars, 0);
    if (sum === told) continue;
    const message = `account ${accountId} was told ${told} microdollars, its entries come to ${sum}`;
    violations.push({ kind: 'money does not add up', message });
  }
  const runs = groupBy(
    ledger.filter(({ kind }) => kind === 'run'),
    ({ requestId }) => requestId ?? '',
  );
  for (const [requestId, entries] of runs) {
    if (entries.length > 1)
      violations.push({ kind: 'billed twice', message: `request ${requestId} was billed ${entries.length} times` });
  }
  for (const instanceId of openMeters) {
    violations.push({ kind: 'bill left open', message: `instance ${instanceId} is gone and still billed` });
  }
  return [...violations, ...findOverlaps(ledger)];
}

function findOverlaps(ledger: readonly LedgerEntry[]): Violation[] {
  const intervals = groupBy(
    ledger.filter(({ kind }) => kind === 'interval'),
    ({ instanceId }) => instanceId ?? '',
  );
  return [...intervals].flatMap(([instanceId, entries]) => {
    const sorted = [...entries].sort((a, b) => (a.fromMs ?? 0) - (b.fromMs ?? 0));
    const overlaps = sorted.some((entry, index) => {
      const before = sorted[index - 1];
      return before !== undefined && (before.fromMs ?? 0) + (before.durationMs ?? 0) > (entry.fromMs ?? 0);
    });
    return overlaps ? [{ kind: 'billed twice', message: `intervals of instance ${instanceId} overlap` }] : [];
  });
}

function findBadFleet({ fleet }: History): Violation[] {
  if (fleet === undefined) return [];
  return [
    ...fleet.orphans.map((message) => ({ kind: 'instance without a record' as const, message })),
    ...fleet.ghosts.map((message) => ({ kind: 'record without an instance' as const, message })),
    ...fleet.overMaximum.map((message) => ({ kind: 'too many instances' as const, message })),
  ];
}

function findLeftovers({ leftovers = [] }: History): Violation[] {
  return leftovers
    .filter(({ before, after, allowance }) => after > before + allowance)
    .map(({ what, before, after }) => ({ kind: 'left behind', message: `${what}: ${before} before, ${after} after` }));
}

function findTooLate({ measures = [] }: History): Violation[] {
  return measures
    .filter(({ ms, barMs }) => ms > barMs)
    .map(({ what, ms, barMs }) => ({ kind: 'too late', message: `${what} took ${Math.round(ms)} ms of ${barMs}` }));
}
