// `npm start`: builds when the sources changed since the last build, then becomes the service, in this same process:
// signals and the exit code need no passing on.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtFrom, dist, fingerprint } from './fingerprint.mjs';

if (builtFrom() !== fingerprint()) {
  const build = fileURLToPath(new URL('./build.mjs', import.meta.url));
  // The build's words go to stderr: stdout belongs to the service.
  const { status } = spawnSync(process.execPath, [build], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

const [command = 'start', ...rest] = process.argv.slice(2);
const main = join(dist, 'comfleet.js');
// `npm start -- --port 1` and `npm run demo photo.jpg` both end here; the command is always named by package.json.
process.argv = [process.execPath, main, command, ...rest];
await import(pathToFileURL(main).href);
