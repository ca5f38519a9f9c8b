// Whether a submit's webhook may be called at all, as far as its URL tells: refused before acceptance rather than after
// the run. Where its name leads is judged at each call. Called by submit.ts.
import { type Problem, type WebhookWish, webhookOf } from '@comfleet/api';
import { judgeTarget } from '../net/target.ts';

export function checkWebhookTarget(
  given: { query: Record<string, unknown>; wish: WebhookWish },
  allowPrivateHosts: ReadonlySet<string>,
): Problem[] {
  const { url } = given.wish;
  if (url === undefined) return [];
  const verdict = judgeTarget(url, allowPrivateHosts);
  if (verdict.kind === 'ok') return [];
  const place = webhookOf(given.query, {}).url === undefined ? 'body' : 'query';
  const msg = `webhook cannot be called: ${verdict.message}. It must be a public https address, or a host that the operator allows with COMFLEET_ALLOW_PRIVATE_HOSTS.`;
  return [{ loc: [place, 'webhook'], msg, type: 'not_allowed' }];
}
