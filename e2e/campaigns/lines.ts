// The lines of a stage that can be made bad: several for clients, one to each back end, one from each service to the
// database, one to the object store.
import type { BackEnd } from './back-end.ts';
import { type Line, openLine } from './line.ts';

export const EDGES = ['client', 'instance', 'database', 'storage'] as const;
export type Edge = (typeof EDGES)[number];
export type Lines = Readonly<Record<Edge, readonly Line[]>>;

const CLIENT_LINES = 8;

export async function openLines(
  edges: readonly Edge[],
  to: {
    servicePort: number;
    backEnds: readonly BackEnd[];
    databaseSocket: string | undefined;
    services: number;
    storeUrl: string | undefined;
  },
): Promise<Lines> {
  const ports = {
    client: Array.from({ length: CLIENT_LINES }, () => to.servicePort),
    instance: to.backEnds.map(({ url }) => portOf(url)),
    storage: to.storeUrl === undefined ? [] : [portOf(to.storeUrl)],
  };
  const open = async (edge: keyof typeof ports) =>
    edges.includes(edge) ? await Promise.all(ports[edge].map((port) => openLine({ host: '127.0.0.1', port }))) : [];
  const { databaseSocket: path } = to;
  const services =
    edges.includes('database') && path !== undefined ? Array.from({ length: to.services }, () => path) : [];
  return {
    client: await open('client'),
    instance: await open('instance'),
    database: await Promise.all(services.map((socket) => openLine({ path: socket }))),
    storage: await open('storage'),
  };
}

const portOf = (url: string) => Number(new URL(url).port);
