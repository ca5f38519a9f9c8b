// The headers of a delivery as Standard Webhooks wants them, and the secrets behind the signature. Called by deliver.ts
// for each try, and by routes.ts for new secrets.
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** Both sign while a rotation is young, so that a receiver may change over in its own time. */
export interface SigningKeys {
  readonly key: string;
  readonly previousKey: string | undefined;
}

const SECRET_BYTES = 32;

export function makeWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
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
  const at = new Date(message.atMs);
  const secrets = keys.previousKey === undefined ? [keys.key] : [keys.key, keys.previousKey];
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(message.atMs / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, message.body)).join(' '),
  };
}
