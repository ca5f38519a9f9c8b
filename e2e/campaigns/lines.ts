// The lines of a stage that can be made bad: several for clients, one to each back end, one to the database.
import type { BackEnd } from './back-end.ts';
import { type Line, openLine } from './line.ts';

export type Edge = 'client' | 'instance' | 'database';
export type Lines = Readonly<Record<Edge, readonly Line[]>>;

const CLIENT_LINES = 8;

export async function openLines(
  edges: readonly Edge[],
  to: { servicePort: number; backEnds: readonly BackEnd[]; databaseSocket: string | undefined },
): Promise<Lines> {
  const ports: Readonly<Record<'client' | 'instance', readonly number[]>> = {
    client: edges.includes('client') ? Array.from({ length: CLIENT_LINES }, () => to.servicePort) : [],
    instance: edges.includes('instance') ? to.backEnds.map(({ url }) => Number(new URL(url).port)) : [],
  };
  const open = (port: number) => openLine({ host: '127.0.0.1', port });
  const hasDatabase = edges.includes('database') && to.databaseSocket !== undefined;
  return {
    client: await Promise.all(ports.client.map(open)),
    instance: await Promise.all(ports.instance.map(open)),
    database: hasDatabase ? [await openLine({ path: to.databaseSocket ?? '' })] : [],
  };
}
