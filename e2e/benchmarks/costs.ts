// What a timed stretch cost each of the processes behind a row, a request: it tells who used up the cores, and predicts
// the ratio on other machines. Used by rows 1, 2, 3 and 13.
import { cpuMs, watchCpuWithChildren } from './process-cost.ts';
import type { Measure } from './row.ts';
import type { Service } from './service.ts';

export interface Costs {
  readonly gateway: number[];
  readonly postgres: number[];
  readonly backEnd: number[];
}

export const noCosts = (): Costs => ({ gateway: [], postgres: [], backEnd: [] });

/** From now on; `end` adds the milliseconds of CPU of one of `count` requests. */
export function watchCosts(service: Pick<Service, 'pid' | 'postmasterPid'>, backEndPid: number | undefined) {
  const postgresMs = watchCpuWithChildren(service.postmasterPid());
  const before = { gateway: cpuMs(service.pid), backEnd: cpuMs(backEndPid) };
  return {
    end(costs: Costs, count: number): void {
      costs.gateway.push((cpuMs(service.pid) - before.gateway) / count);
      costs.backEnd.push((cpuMs(backEndPid) - before.backEnd) / count);
      costs.postgres.push(postgresMs() / count);
    },
  };
}

export function costMeasures(costs: Costs, gatewayBar?: number): Measure[] {
  const cost = { unit: 'ms', compare: 'alone', isMoreBetter: false } as const;
  return [
    {
      ...cost,
      name: 'gateway CPU per request',
      ours: costs.gateway,
      ...(gatewayBar === undefined ? {} : { bar: gatewayBar }),
    },
    { ...cost, name: 'PostgreSQL CPU per request', ours: costs.postgres },
    { ...cost, name: 'back end CPU per request', ours: costs.backEnd },
  ];
}
