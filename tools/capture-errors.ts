// Writes docs/captured-errors.json: every error as a running service tells it. Run by hand when a message has changed;
// `npm run generate` then puts the examples on the reference page.
import { execFileSync } from 'node:child_process';

execFileSync('node_modules/.bin/vitest', ['run', 'packages/server/test/every-code.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, COMFLEET_CAPTURE: 'on' },
});
