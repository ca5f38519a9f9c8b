// Prompts of callers of the instance proxy: each takes its turn on the instance behind what was assigned to it, and
// counts as work there, so that nothing overtakes and nothing is overtaken. One of an account at a time: its others do not
// stand before the requests of everybody else. Called by the proxy through the dispatcher.
import { createTurn } from '../execution/turn.ts';
import type { Instance } from '../instances/fleet.ts';
import { type Board, slotsOf } from './board.ts';
import { enter, type Guest, learnRun, leave, type Slots } from './slots.ts';

export interface GuestPlace {
  /** Calls when nothing sent earlier is on the instance any more. */
  onFront(call: () => void): void;
  /** The prompt is over there. */
  release(): void;
}

interface Given {
  readonly guest: Guest;
  readonly signal: AbortSignal;
}

/** undefined when the signal said so first, or nothing is given out now. */
export async function takeGuestPlace(board: Board, instance: Instance, given: Given): Promise<GuestPlace | undefined> {
  const slots = slotsOf(board, instance);
  const { accountId } = given.guest;
  const ownTurn = slots.guestTurns.get(accountId) ?? createTurn(1);
  slots.guestTurns.set(accountId, ownTurn);
  const own = await ownTurn.take(given.signal);
  const place = own && (await takePlace(board, slots, given));
  const leaveOwn = () => {
    own?.release();
    if (ownTurn.busy === 0 && slots.guestTurns.get(accountId) === ownTurn) slots.guestTurns.delete(accountId);
  };
  if (place === undefined) leaveOwn();
  return (
    place && {
      onFront: place.onFront,
      release() {
        // Those who waited meanwhile come before its account's next one.
        place.release();
        leaveOwn();
      },
    }
  );
}

async function takePlace(board: Board, slots: Slots, { guest, signal }: Given): Promise<GuestPlace | undefined> {
  if (!board.isOpen) return undefined;
  enter(slots, guest.deploymentId);
  slots.guests.add(guest);
  const place = await slots.turn.take(signal);
  const frontAt = { value: undefined as number | undefined };
  place?.onFront(() => {
    frontAt.value = performance.now();
  });
  const release = () => {
    if (!slots.guests.delete(guest)) return;
    place?.release();
    leave(slots, guest.deploymentId);
    if (frontAt.value !== undefined) {
      const ranMs = performance.now() - frontAt.value;
      board.usage.add(guest.accountId, ranMs);
      learnRun(slots, ranMs);
    }
    board.pump();
  };
  if (place === undefined) release();
  return place && { onFront: place.onFront, release };
}

export interface InstanceWork {
  readonly isBusy: boolean;
  /** When its last work ended; undefined when it never had any. */
  readonly idleSince: number | undefined;
  /** What runs there now. */
  readonly running: { readonly requestId: string; readonly accountId: string } | undefined;
  /** Accounts with anything there, waiting or running. */
  readonly accounts: ReadonlySet<string>;
  /** Prompt ids of what is there, with their accounts. */
  readonly prompts: ReadonlyMap<string, string>;
}

export function workOn(board: Board, instanceId: string): InstanceWork {
  const slots = board.slotsById.get(instanceId);
  const requests = [...(slots?.attempts ?? [])];
  const guests = [...(slots?.guests ?? [])];
  const running = requests.find(({ request }) => request.phase === 'running')?.request;
  return {
    isBusy: (slots?.turn.busy ?? 0) > 0,
    idleSince: slots?.idleSince,
    running: running && { requestId: running.id, accountId: running.accountId },
    accounts: new Set([...requests.map(({ request }) => request.accountId), ...guests.map((guest) => guest.accountId)]),
    prompts: new Map([
      ...requests.map(({ promptId, request }): [string, string] => [promptId, request.accountId]),
      ...guests.map((guest): [string, string] => [guest.promptId, guest.accountId]),
    ]),
  };
}
