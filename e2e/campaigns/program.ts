// The built program under test, copied to a folder of its own: building again meanwhile does not change what is being
// tested, and the copy's embedded back end writes down what it runs. Made once for each campaign.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');

export interface Program {
  /** The command line of the service, without a command. */
  readonly main: string;
  /** The emulator, for back ends that the campaign starts itself. */
  readonly emulator: string;
  remove(): void;
}

interface EmbeddedOptions {
  executionsFile: string;
  serviceMs: number;
  faults?: Readonly<Record<string, unknown>>;
}

export function copyProgram(embedded: EmbeddedOptions): Program {
  const built = spawnSync(process.execPath, [join(root, 'tools', 'start.mjs'), 'version'], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the program could not be built:\n${built.stderr}`);
  // Below node_modules, so that what the bundles leave to packages is found.
  const caches = join(root, 'node_modules', '.cache');
  mkdirSync(caches, { recursive: true });
  const dir = mkdtempSync(join(caches, 'campaign-'));
  copyBuild(dir);
  const emulator = join(dir, 'emulator-itself.js');
  renameSync(join(dir, 'emulator.js'), emulator);
  const options = emulatorOptions(embedded);
  const wrapper = `process.argv.push(...${JSON.stringify(options)});\nawait import('./emulator-itself.js');\n`;
  writeFileSync(join(dir, 'emulator.js'), wrapper);
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  return { main: join(dir, 'comfleet.js'), emulator, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Another build that ends just now takes files away under the copy for a moment. */
function copyBuild(dir: string): void {
  for (let triesLeft = 20; ; triesLeft -= 1) {
    try {
      cpSync(join(root, 'dist'), dir, { recursive: true });
      return;
    } catch (error) {
      if (triesLeft === 0) throw error;
    }
  }
}

export function emulatorOptions({ executionsFile, serviceMs, faults = {} }: EmbeddedOptions): string[] {
  return ['--executions-file', executionsFile, '--faults', JSON.stringify({ serviceMs, ...faults })];
}
