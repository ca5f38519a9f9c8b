// The headers of a delivery as Standard Webhooks wants them, and the secrets behind the signature. Called by try-delivery.ts
// for each try, and by routes.ts for new secrets.
import { createHmac, randomBytes } from 'node:crypto';

/** Both sign while a rotation is young, so that a receiver may change over in its own time. */
export interface SigningKeys {
  readonly key: string;
  readonly previousKey: string | undefined;
}

const SECRET_BYTES = 32;
const PREFIX = 'whsec_';

export function makeWebhookSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** The same over every try and replay of a delivery, so that a receiver can tell a repetition. */
export function messageId(deliveryId: string): string {
  return `msg_${deliveryId.replaceAll('-', '')}`;
}

export function signedHeaders(
  keys: SigningKeys,
  message: { readonly deliveryId: string; readonly body: string; readonly atMs: number },
): Record<string, string> {
  const id = messageId(message.deliveryId);
  const at = String(Math.floor(message.atMs / 1000));
  const secrets = keys.previousKey === undefined ? [keys.key] : [keys.key, keys.previousKey];
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': secrets.map((secret) => sign(secret, `${id}.${at}.${message.body}`)).join(' '),
  };
}

// Node's own digest, native; the specification's library, which computes it in JavaScript, checks it in the test.
function sign(secret: string, text: string): string {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
}
