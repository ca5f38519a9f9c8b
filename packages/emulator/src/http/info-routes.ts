// What the server is and has: /system_stats, /features, /object_info, and the lists that its web page asks for.
import { readdir } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import type { Directories } from '../directories.ts';
import type { NodeClasses } from '../node-classes.ts';
import { SERVER_FEATURES } from '../server-features.ts';
import { sendJson } from './exchange.ts';
import type { Route } from './router.ts';

interface InfoRoutesDeps {
  dirs: Directories;
  nodeClasses(): Promise<NodeClasses>;
}

export function infoRoutes({ dirs, nodeClasses }: InfoRoutesDeps): Route[] {
  return [
    { method: 'GET', path: '/system_stats', handler: ({ response }) => sendJson(response, systemStats()) },
    { method: 'GET', path: '/features', handler: ({ response }) => sendJson(response, SERVER_FEATURES) },
    {
      method: 'GET',
      path: '/object_info',
      handler: async ({ response }) => sendJson(response, await (await nodeClasses()).allInfo()),
    },
    {
      method: 'GET',
      path: '/object_info/*',
      async handler({ response }, [classType = '']) {
        const info = await (await nodeClasses()).info(classType);
        sendJson(response, info ? { [classType]: info } : {});
      },
    },
    { method: 'GET', path: '/extensions', handler: ({ response }) => sendJson(response, []) },
    {
      method: 'GET',
      path: '/internal/files/*',
      async handler({ response }, [type = '']) {
        const dir = dirs.byType(type);
        if (dir === undefined) sendJson(response, { error: 'Invalid directory type' }, 400);
        else sendJson(response, await listFiles(dir));
      },
    },
    {
      method: 'GET',
      path: '/internal/logs/raw',
      handler: ({ response }) => sendJson(response, { entries: [], size: { cols: 80, rows: 24 } }),
    },
    { method: 'GET', path: '/internal/logs', handler: ({ response }) => sendJson(response, '') },
    { method: 'GET', path: '/workflow_templates', handler: ({ response }) => sendJson(response, {}) },
    { method: 'GET', path: '/i18n', handler: ({ response }) => sendJson(response, {}) },
    {
      method: 'GET',
      path: '/users',
      handler: ({ response }) => sendJson(response, { storage: 'server', migrated: false }),
    },
    { method: 'GET', path: '/settings', handler: ({ response }) => sendJson(response, {}) },
  ];
}

function systemStats(): unknown {
  const total = totalmem();
  const free = freemem();
  return {
    system: {
      os: process.platform === 'win32' ? 'nt' : 'posix',
      ram_total: total,
      ram_free: free,
      comfyui_version: '0.3.64',
      required_frontend_version: '1.27.10',
      installed_templates_version: '0.1.95',
      required_templates_version: '0.1.95',
      python_version: '3.11.7 (emulated)',
      pytorch_version: '2.13.0+cpu',
      embedded_python: false,
      argv: ['main.py', '--cpu', '--listen', '127.0.0.1', '--disable-api-nodes', '--preview-method', 'none'],
    },
    devices: [
      {
        name: 'cpu',
        type: 'cpu',
        index: null,
        vram_total: total,
        vram_free: free,
        torch_vram_total: total,
        torch_vram_free: free,
      },
    ],
  };
}

async function listFiles(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
