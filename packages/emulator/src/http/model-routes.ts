// Which model files there are: /models, /embeddings, /experiment/models and the folder paths behind them.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Directories } from '../directories.ts';
import { sendEmpty, sendJson } from './exchange.ts';
import type { Route } from './router.ts';

/** Model folders in the order ComfyUI 0.3.64 lists them. */
const MODEL_FOLDERS = [
  'checkpoints',
  'configs',
  'loras',
  'vae',
  'text_encoders',
  'diffusion_models',
  'clip_vision',
  'style_models',
  'embeddings',
  'diffusers',
  'vae_approx',
  'controlnet',
  'gligen',
  'upscale_models',
  'custom_nodes',
  'hypernetworks',
  'photomaker',
  'classifiers',
  'model_patches',
  'audio_encoders',
];

export function modelRoutes({ dirs, hidesFolders }: { dirs: Directories; hidesFolders: boolean }): Route[] {
  const isFolder = (name: string) => MODEL_FOLDERS.includes(name);
  const pathOf = (folder: string) =>
    folder === 'custom_nodes' ? dirs.customNodesDir : path.join(dirs.modelsDir, folder);
  return [
    { method: 'GET', path: '/models', handler: ({ response }) => sendJson(response, MODEL_FOLDERS) },
    {
      method: 'GET',
      path: '/models/*',
      async handler({ response }, [folder = '']) {
        if (isFolder(folder)) sendJson(response, await listModels(pathOf(folder)));
        else sendEmpty(response, 404);
      },
    },
    {
      method: 'GET',
      path: '/embeddings',
      async handler({ response }) {
        const files = await listModels(pathOf('embeddings'));
        sendJson(
          response,
          files.map((file) => file.replace(/\.[^.]*$/, '')),
        );
      },
    },
    {
      method: 'GET',
      path: '/experiment/models',
      handler({ response }) {
        const shown = MODEL_FOLDERS.filter((name) => name !== 'configs' && name !== 'custom_nodes');
        sendJson(
          response,
          shown.map((name) => ({ name, folders: [pathOf(name)] })),
        );
      },
    },
    {
      method: 'GET',
      path: '/experiment/models/*',
      async handler({ response }, [folder = '']) {
        if (isFolder(folder)) sendJson(response, await describeModels(pathOf(folder)));
        else sendEmpty(response, 404);
      },
    },
    { method: 'GET', path: '/view_metadata/*', handler: ({ response }) => sendEmpty(response, 404) },
    {
      method: 'GET',
      path: '/internal/folder_paths',
      handler({ response }) {
        if (hidesFolders) sendEmpty(response, 404);
        else sendJson(response, Object.fromEntries(MODEL_FOLDERS.map((folder) => [folder, [pathOf(folder)]])));
      },
    },
  ];
}

async function listModels(base: string): Promise<string[]> {
  try {
    const entries = await readdir(base, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'));
    return files.map((entry) => path.relative(base, path.join(entry.parentPath, entry.name))).sort();
  } catch {
    return []; // no such folder: no models of that kind
  }
}

async function describeModels(base: string): Promise<unknown[]> {
  const names = await listModels(base);
  return await Promise.all(
    names.map(async (name) => {
      const { mtimeMs, ctimeMs, size } = await stat(path.join(base, name));
      return { name, pathIndex: 0, modified: mtimeMs / 1000, created: ctimeMs / 1000, size };
    }),
  );
}
