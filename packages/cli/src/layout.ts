// Where the parts lie: all in dist/ once bundled, in the workspaces when run from source. main.ts asks, commands use it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Layout {
  /** Command line that runs this program again (the demo starts the service as a child). */
  self: string[];
  /** Command line of the embedded emulator; undefined when it is not installed. */
  emulator: string[] | undefined;
  photo: string;
  workflow: string;
}

export function findLayout(mainUrl: string): Layout {
  const at = (path: string) => fileURLToPath(new URL(path, mainUrl));
  const main = fileURLToPath(mainUrl);
  if (!main.endsWith('.ts')) {
    const emulator = at('./emulator.js');
    // In a checkout the originals have the better name; dist/ alone has copies.
    const example = (name: string) => [at(`../examples/${name}`), at(`./${name}`)].find(existsSync) ?? at(`./${name}`);
    return {
      self: [process.execPath, main],
      emulator: existsSync(emulator) ? [process.execPath, emulator] : undefined,
      photo: example('photo.jpg'),
      workflow: example('workflow.json'),
    };
  }
  // The child may run in another folder, from which a bare "tsx" would not be found.
  const fromSource = [process.execPath, '--import', import.meta.resolve('tsx')];
  return {
    self: [...fromSource, main],
    emulator: [...fromSource, at('../../emulator/src/main.ts')],
    photo: at('../../../examples/photo.jpg'),
    workflow: at('../../../examples/workflow.json'),
  };
}
