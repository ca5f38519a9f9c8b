// The map of the routes names what does the work, not what stands around it.
import { expect, it } from 'vitest';
import { callsOf, readHandlers } from './read-handlers.ts';

const SOURCE = `import { judgeAccess } from '../things/gate.pure.ts';
import { type Shop, openShop } from './shop.ts';
import { listThings } from './things.sql.ts';
import { viewThing } from './view.pure.ts';

interface Deps {
  readonly shop: Shop;
}

export function registerThingRoutes(routes: RouteServer, deps: Deps) {
  routes.serve('listThings', async (call) => await list(deps, call));
  routes.serve('buyThing', async (call) => {
    judgeAccess(call);
    return { body: await deps.shop.sell(call) };
  });
  routes.serve('closeThing', async (call) => judgeAccess(call));
  routes.serve('walkThing', async (call) => await WAYS[call.way](call));
}

const WAYS = {
  open: (call) => openShop(call),
};

async function list(deps: Deps, call: Call) {
  judgeAccess(call);
  return { body: (await listThings(call)).map((one) => viewThing(one)) };
}
`;

const handlers = readHandlers('src/things/routes.ts', SOURCE);

it.each([
  [
    'listThings',
    ['listThings', 'viewThing'],
    'what the file itself does for it, statements before views, without guards',
  ],
  ['buyThing', ['shop.sell'], 'a part that is handed in'],
  ['closeThing', ['judgeAccess'], 'a guard when there is nothing else'],
  ['walkThing', ['openShop'], 'what a table of functions leads to'],
])('%s calls %j: %s', (id, names) => {
  const handler = handlers.get(id);
  expect(handler && callsOf(handler).map(({ name }) => name)).toEqual(names);
});

it('says which file a part comes from', () => {
  const handler = handlers.get('buyThing');
  expect(handler && callsOf(handler)).toEqual([{ name: 'shop.sell', path: 'src/things/shop.ts' }]);
});
