// `comfleet demo [photo]`: a fresh service in a temporary folder, one photo through the public API, the picture on disk.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { type Api, createApi, DemoFailure } from '../demo/api.ts';
import { curlLines } from '../demo/curl.ts';
import { readPhoto } from '../demo/photo.ts';
import { startService } from '../demo/service.ts';
import { walk } from '../demo/walk.ts';
import type { Layout } from '../layout.ts';
import { createTerminal, type Terminal, wantsColour } from '../terminal.ts';

const PICTURE = 'comfleet-demo.png';

// What a caller of the deployment changes in the saved graph, beside the photo: a stronger glow.
const OVERRIDES = { '4': { inputs: { blend_factor: 0.85 } } };

export async function runDemo(layout: Layout, photoArgument: string | undefined): Promise<number> {
  const terminal = createTerminal({
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    colour: wantsColour(process.stdout, process.env),
  });
  // npm runs scripts in the project's folder; the user's paths are relative to where npm was called.
  const here = process.env['INIT_CWD'] ?? process.cwd();
  const photoPath = photoArgument === undefined ? layout.photo : resolve(here, photoArgument);
  const photo = await readPhoto(photoPath);
  if (photo.kind === 'bad') {
    terminal.error(photo.message);
    return 1;
  }
  terminal.title('comfleet demo: a photo in, a picture out, over HTTP');
  terminal.step('photo', `${shortest(photoPath)} (${photo.mime}, ${Math.ceil(photo.sizeBytes / 1024)} KiB)`);
  const graph: unknown = JSON.parse(await readFile(layout.workflow, 'utf8'));
  const overrides = { '1': { inputs: { image: photo.dataUri } }, ...OVERRIDES };

  const ended = await withService(layout, terminal, (api) => walk(api, terminal, { graph, overrides }));
  if (ended.kind === 'failed') return ended.exitCode;

  const path = await savePicture(ended.value, here);
  terminal.title('The same with curl, against your own `npm start`');
  terminal.code(curlLines(shortest(photoPath), OVERRIDES));
  terminal.title(`The picture: ${path}`);
  return 0;
}

type Ended<T> = { kind: 'ok'; value: T } | { kind: 'failed'; exitCode: number };

async function withService<T>(layout: Layout, terminal: Terminal, use: (api: Api) => Promise<T>): Promise<Ended<T>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'comfleet-demo-'));
  const startedAt = performance.now();
  const service = await startService(layout.self, dataDir);
  // Ctrl-C ends the service; whatever waits for it then fails, and cleans up on its way out.
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
    void service.stop();
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const readiness = await service.whenReady();
    if (readiness.kind === 'failed') throw new DemoFailure(readiness.message);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    terminal.step('service', `${service.baseUrl}, ready in ${seconds} s, data in ${dataDir} (removed at the end)`);
    return { kind: 'ok', value: await use(createApi(service.baseUrl, readiness.token)) };
  } catch (error) {
    terminal.error(isInterrupted ? 'interrupted' : error instanceof Error ? error.message : String(error));
    return { kind: 'failed', exitCode: isInterrupted ? 130 : 1 };
  } finally {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function savePicture(picture: Buffer, folder: string): Promise<string> {
  const path = join(folder, PICTURE);
  try {
    await writeFile(path, picture);
    return path;
  } catch {
    // A read-only folder must not lose the picture.
    const elsewhere = join(await mkdtemp(join(tmpdir(), 'comfleet-picture-')), PICTURE);
    await writeFile(elsewhere, picture);
    return elsewhere;
  }
}

function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}
