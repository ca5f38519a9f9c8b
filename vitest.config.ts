import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tools/longest-first.ts';

export default defineConfig({
  test: {
    include: ['packages/*/{src,test,simulation}/**/*.test.ts', 'tools/**/*.test.ts', 'e2e/**/*.test.ts'],
    // The files of a worker share its process and what they import, and so what a module keeps for its process.
    isolate: false,
    // Most files wait more than they compute: three keep two cores busy.
    maxWorkers: 3,
    // What hangs fails; what a busy machine makes slow does not.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
    sequence: { sequencer: LongestFirst },
    globalSetup: ['packages/server/testing/global-setup.ts'],
  },
});
