// What the state of a container means for its instance, and what a pull says of itself, in words for a person. Pure; asked by
// docker-containers.ts, and of pulls by docker-image.ts.
import type { GoneKind } from '../provider.ts';

/** What is read of a container, as the API writes it. */
export interface SeenContainer {
  readonly Id: string;
  readonly HostConfig?: { readonly NetworkMode?: string | undefined };
  readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly State?: {
    readonly Status?: string;
    readonly OOMKilled?: boolean;
    readonly ExitCode?: number;
    readonly Error?: string;
    readonly StartedAt?: string;
  };
  readonly NetworkSettings?: {
    readonly Ports?: Readonly<Record<string, readonly { readonly HostPort?: string }[] | null>> | null;
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null;
  };
}

/** How a container is reached; kept on it, as the configuration may have changed since. */
export interface Reach {
  readonly port: number;
  /** The address at which its port is published; undefined: its own address in the network. */
  readonly publishedAt: string | undefined;
  readonly network: string;
}

export type ContainerView =
  /** Made, and not started yet. */
  | { readonly phase: 'made' }
  | { readonly phase: 'running'; readonly baseUrl: string }
  /** It runs, and has no address. */
  | { readonly phase: 'unaddressed'; readonly words: string }
  | { readonly phase: 'ended'; readonly cause: string; readonly kind: GoneKind }
  | { readonly phase: 'leaving' };

const NEVER_STARTED = '0001-01-01';
const KILLED = 137;

export function viewContainer(container: SeenContainer, reach: Reach): ContainerView {
  switch (container.State?.Status) {
    case 'created':
      return { phase: 'made' };
    case 'exited':
    case 'dead':
      return { phase: 'ended', ...explainExit(container) };
    case 'removing':
      return { phase: 'leaving' };
    default:
      return viewRunning(container, reach); // one that is paused or restarted by somebody shows by not answering
  }
}

function viewRunning({ NetworkSettings }: SeenContainer, { port, publishedAt, network }: Reach): ContainerView {
  if (publishedAt !== undefined) {
    const published = NetworkSettings?.Ports?.[`${port}/tcp`]?.find(({ HostPort }) => Number(HostPort) > 0)?.HostPort;
    if (published === undefined) return { phase: 'unaddressed', words: `its port ${port} is not published` };
    return { phase: 'running', baseUrl: `http://${bracket(publishedAt)}:${published}` };
  }
  const address = NetworkSettings?.Networks?.[network]?.IPAddress;
  if (address === undefined || address === '') {
    return { phase: 'unaddressed', words: `it has no address in the network ${network}` };
  }
  return { phase: 'running', baseUrl: `http://${bracket(address)}:${port}` };
}

function bracket(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function explainExit({ State }: SeenContainer): { cause: string; kind: GoneKind } {
  const { OOMKilled, ExitCode = 0, Error: error = '', StartedAt = '' } = State ?? {};
  if (OOMKilled === true) {
    const cause = `out of memory: the container took more than its limit (OOMKilled, exit code ${ExitCode})`;
    return { cause, kind: 'out_of_memory' };
  }
  if (error !== '' && StartedAt.startsWith(NEVER_STARTED)) return { cause: error, kind: 'not_started' };
  if (ExitCode === KILLED) {
    const cause = 'killed (exit code 137): so the system ends what takes too much memory, and the engine what it stops';
    return { cause, kind: 'out_of_memory' };
  }
  const cause = `the container ended with exit code ${ExitCode}${error === '' ? '' : `: ${error}`}`;
  return { cause, kind: ExitCode === 126 || ExitCode === 127 ? 'not_started' : 'ended' };
}

/** A message of the stream that answers a pull. */
export interface PullMessage {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number } | null;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string } | null;
}

export function errorOf({ error, errorDetail }: PullMessage): string | undefined {
  return errorDetail?.message ?? error;
}

interface Layer {
  current: number;
  total: number;
}

const STEP_PERCENT = 5;

/** What is to be told after each message; undefined while it is the same. Layers are counted as they are announced. */
export function createPullProgress(image: string): (message: PullMessage) => string | undefined {
  const layers = new Map<string, Layer>();
  let told: string | undefined;
  return (message) => {
    noteLayer(layers, message);
    const words = describe(image, [...layers.values()]);
    if (words === told) return undefined;
    told = words;
    return words;
  };
}

function noteLayer(layers: Map<string, Layer>, { id, status = '', progressDetail }: PullMessage): void {
  if (id === undefined) return;
  const layer = layers.get(id);
  const { current = 0, total = 0 } = progressDetail ?? {};
  if (status === 'Downloading' && total > 0) layers.set(id, { current, total });
  else if (layer !== undefined && /^(Download complete|Verifying|Extracting|Pull complete)/.test(status)) {
    layer.current = layer.total;
  }
}

function describe(image: string, layers: readonly Layer[]): string {
  const total = layers.reduce((sum, layer) => sum + layer.total, 0);
  if (total === 0) return `pulling the image ${image}`;
  const current = layers.reduce((sum, layer) => sum + layer.current, 0);
  const percent = Math.floor(((current / total) * 100) / STEP_PERCENT) * STEP_PERCENT;
  if (percent >= 100) return `unpacking the image ${image}`;
  return `pulling the image ${image}: ${percent} % of ${sizeInWords(total)}`;
}

function sizeInWords(bytes: number): string {
  const megabytes = bytes / 1e6;
  return megabytes < 1000 ? `${Math.ceil(megabytes)} MB` : `${(megabytes / 1000).toFixed(1)} GB`;
}
