// The order of the test files: those known to take long begin first, so that no worker is left alone with one at the end.
// Used by vitest.config.ts.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that compute and start processes take turns with those that wait. */
const LONG = [
  'e2e/campaigns/faults.test.ts',
  'e2e/campaigns/fleet.test.ts',
  'e2e/campaigns/crash.test.ts',
  'e2e/campaigns/lines.test.ts',
  'e2e/campaigns/steps.test.ts',
  'e2e/campaigns/hangs.test.ts',
  'packages/server/test/provider-faults.test.ts',
  'packages/server/src/dispatch/recovery/take-in.test.ts',
  'packages/server/test/outputs.test.ts',
  'packages/server/test/simulator.test.ts',
  'e2e/campaigns/stop.test.ts',
  'packages/server/test/scaling.test.ts',
  'packages/server/src/db/embedded.test.ts',
  'packages/server/test/every-code.test.ts',
  'e2e/readme.test.ts',
  'packages/server/test/replica-processes.test.ts',
  'packages/server/test/webhook-faults.test.ts',
  'packages/server/test/hostile-bodies.test.ts',
  'packages/server/test/tenancy.test.ts',
  'tools/checks.test.ts',
  'packages/server/test/failures.test.ts',
  'packages/server/simulation/simulation.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONG.findIndex((path) => moduleId.endsWith(path));
      return index < 0 ? LONG.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
