// The pack that a node comes from, as the editor writes it beside the title. Called by emit.ts.

import { own, textOf } from './raw-values.ts';
import type { RawNode } from './read-file.ts';

const NAME = /^[\w.-]{1,100}$/;
const OWNER_AND_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[\w.-]{1,100}$/;
const VERSION = /^(?:\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]{1,100})?|[0-9a-f]{4,40}|unknown)$/i;

export function packOf({ properties }: RawNode): { cnr_id?: string; aux_id?: string; ver?: string } {
  const pack = textOf(own(properties, 'cnr_id'));
  const repository = textOf(own(properties, 'aux_id'));
  const version = textOf(own(properties, 'ver'))?.replace(/^v/, '');
  return {
    ...(pack !== undefined && NAME.test(pack) ? { cnr_id: pack } : {}),
    ...(repository !== undefined && OWNER_AND_NAME.test(repository) ? { aux_id: repository } : {}),
    ...(version !== undefined && VERSION.test(version) ? { ver: version } : {}),
  };
}
