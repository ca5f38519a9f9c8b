// GET /account: who the caller is. The hardware catalogue is beside it because it, too, belongs to nobody.
import { DEFAULT_HARDWARE, DEFAULT_SKU, formatInstant, viewHardware } from '@comfleet/api';
import type { RouteServer } from '../http/serve-route.ts';
import type { Account } from './authenticate.ts';

export function registerAccountRoutes(routes: RouteServer<Account>, deps: { readonly hasInstance: () => boolean }) {
  routes.serve('getAccount', async ({ account }) => {
    const { id, name, role, createdAt, scopes, token } = account;
    const shownToken = {
      id: token.id,
      name: token.name,
      prefix: token.prefix,
      scopes,
      created_at: formatInstant(token.createdAt),
    };
    return { body: { id, name, role, created_at: formatInstant(createdAt), token: shownToken } };
  });
  routes.serve('listHardware', async () => ({
    body: {
      data: DEFAULT_HARDWARE.map((sku) =>
        viewHardware(sku, { isAvailable: deps.hasInstance(), isDefault: sku.sku === DEFAULT_SKU }),
      ),
    },
  }));
}
