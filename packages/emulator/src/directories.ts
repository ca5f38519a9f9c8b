// Where the server keeps its files: input, output, temp and models below one base folder. Temp is emptied at the start,
// as ComfyUI does. Prepared by emulator.ts.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { NodeDirectories } from './nodes/node.ts';

export interface Directories extends NodeDirectories {
  modelsDir: string;
  customNodesDir: string;
  /** `output`, `input` or `temp`; undefined for any other word. */
  byType(type: string): string | undefined;
}

export function directoriesBelow(baseDir: string): Directories {
  const base = path.resolve(baseDir);
  const inputDir = path.join(base, 'input');
  const outputDir = path.join(base, 'output');
  const tempDir = path.join(base, 'temp');
  const byType = new Map([
    ['input', inputDir],
    ['output', outputDir],
    ['temp', tempDir],
  ]);
  const [modelsDir, customNodesDir] = [path.join(base, 'models'), path.join(base, 'custom_nodes')];
  return { inputDir, outputDir, tempDir, modelsDir, customNodesDir, byType: (type) => byType.get(type) };
}

export async function prepareDirectories({ inputDir, outputDir, tempDir }: Directories): Promise<void> {
  await rm(tempDir, { recursive: true, force: true });
  for (const dir of [inputDir, outputDir, tempDir]) await mkdir(dir, { recursive: true });
}
