// /emulator/*: what no real ComfyUI has. Faults to ask for, and the record of what was executed.
import type { Executions } from '../executions.ts';
import type { FaultControl } from '../faults/fault-control.ts';
import { readJsonBody, sendJson } from './exchange.ts';
import type { Route } from './router.ts';

interface EmulatorRoutesDeps {
  faults: FaultControl;
  executions: Executions;
}

export function emulatorRoutes({ faults, executions }: EmulatorRoutesDeps): Route[] {
  return [
    { method: 'GET', path: '/emulator/faults', handler: ({ response }) => sendJson(response, faults.current()) },
    {
      method: 'POST',
      path: '/emulator/faults',
      async handler({ request, response }) {
        const problem = faults.merge(await readJsonBody(request));
        if (problem === undefined) sendJson(response, faults.current());
        else sendJson(response, { error: problem }, 400);
      },
    },
    {
      method: 'DELETE',
      path: '/emulator/faults',
      handler({ response }) {
        faults.clear();
        sendJson(response, {});
      },
    },
    { method: 'GET', path: '/emulator/executions', handler: ({ response }) => sendJson(response, executions.list()) },
  ];
}
