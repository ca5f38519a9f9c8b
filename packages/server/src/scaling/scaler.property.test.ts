// Whatever happens in whatever order: never more instances than the maximum, never one change answered with two, and a
// deployment that is closed at the end leaves nothing behind.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createScaledFleetRig, type ScaledFleetRig } from '../../testing/scaled-fleet.ts';
import type { Deployment } from '../deployments/directory.ts';

type Step =
  | { kind: 'waiting'; count: number }
  | { kind: 'pending'; at: number; count: number }
  | { kind: 'ready' | 'fail' | 'remove'; at: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'edit'; fields: { max_instances: number; min_instances: number; queue_size: number; version_id: string } }
  | { kind: 'warm'; count: number }
  | { kind: 'enabled'; isEnabled: boolean };

const at = fc.nat(9);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('waiting' as const), count: fc.nat(12) }),
  fc.record({ kind: fc.constant('pending' as const), at, count: fc.nat(2) }),
  fc.record({ kind: fc.constantFrom('ready' as const, 'ready' as const, 'fail' as const, 'remove' as const), at }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 900, 5_000, 61_000, 400_000) }),
  fc.record({
    kind: fc.constant('edit' as const),
    fields: fc.record({
      max_instances: fc.integer({ min: 1, max: 6 }),
      min_instances: fc.constantFrom(0, 0, 1),
      queue_size: fc.nat(2),
      version_id: fc.constantFrom('v1', 'v1', 'v2'),
    }),
  }),
  fc.record({ kind: fc.constant('warm' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('enabled' as const), isEnabled: fc.boolean() }),
);

interface Game {
  readonly rig: ScaledFleetRig;
  deployment: Deployment;
  now: number;
}

async function play(rig: ScaledFleetRig, steps: readonly Step[]): Promise<Deployment> {
  const game: Game = { rig, deployment: rig.deploy({ max_instances: 3 }), now: 1_000_000 };
  for (const each of steps) {
    const before = { calls: rig.calls.length, events: rig.events.length };
    if ('at' in each) touchInstance(rig, each);
    else await change(game, each);
    await rig.settle();
    const { row, isEnabled } = game.deployment;
    judge(rig, { before, max: row.max_instances, isEnabled });
  }
  return game.deployment;
}

function touchInstance(rig: ScaledFleetRig, step: Extract<Step, { at: number }>): void {
  const isOfStarting = step.kind === 'ready' || step.kind === 'fail';
  const ids = [...(isOfStarting ? rig.asked : rig.instances).keys()];
  const id = ids[step.at % Math.max(1, ids.length)];
  if (id === undefined) return;
  if (step.kind === 'ready') rig.becomeReady(id);
  else if (step.kind === 'fail') rig.failStart(id, 'no GPU');
  else if (step.kind === 'remove') rig.scaler.remove(rig.deploymentOf(id), id);
  else if ('count' in step) rig.setPending(id, step.count);
}

async function change(game: Game, step: Exclude<Step, { at: number }>): Promise<void> {
  const { rig } = game;
  switch (step.kind) {
    case 'waiting':
      return rig.setWaiting(game.deployment, step.count);
    case 'pass':
      game.now += step.ms;
      rig.setNow(game.now);
      return rig.setWaiting(game.deployment, 0);
    case 'warm':
      rig.scaler.warmUp(game.deployment, step.count);
      return;
    default: {
      const closing = { disabled_code: 10002 as const };
      const fields = step.kind === 'edit' ? step.fields : { is_enabled: step.isEnabled, ...closing };
      game.deployment = rig.deploy({ ...game.deployment.row, ...fields });
      await rig.scaler.refresh();
    }
  }
}

function judge(
  rig: ScaledFleetRig,
  { before, max, isEnabled }: { before: { calls: number; events: number }; max: number; isEnabled: boolean },
) {
  const calls = rig.calls.slice(before.calls);
  const started = calls.filter((call) => call.startsWith('create'));
  if (started.length > 0) {
    expect(isEnabled).toBe(true);
    expect(rig.instances.size + rig.asked.size).toBeLessThanOrEqual(max);
  }
  for (const event of rig.events.slice(before.events)) {
    const isBoth = /starts .* and takes /.test(event);
    // Only a new version is answered with both: the old go and new ones come.
    if (isBoth) expect(event).toContain('outdated');
  }
  for (const call of started) expect(calls).not.toContain(call.replace('create', 'remove'));
}

it('keeps the bounds and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const rig = createScaledFleetRig();
      await rig.scaler.start();
      try {
        const deployment = await play(rig, steps);
        for (const id of rig.instances.keys()) rig.setPending(id, 0);
        rig.deploy({ ...deployment.row, deleted_at: 1 });
        await rig.scaler.refresh();
        rig.setWaiting(deployment, 0);
        await rig.settle();
        expect([...rig.instances.keys(), ...rig.asked.keys()]).toEqual([]);
      } finally {
        await rig.scaler.stop();
      }
    }),
    { numRuns: 150 },
  );
});
