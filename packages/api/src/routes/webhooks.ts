// The routes of webhook deliveries and of the secret that signs them.
import type { Route } from '../route.ts';
import { Delivery, DeliveryInFull, DeliveryListQuery, PageOfDeliveries, WebhookSecret } from '../webhooks.ts';

export const WEBHOOK_ROUTES = [
  {
    id: 'listDeliveries',
    method: 'GET',
    path: '/webhooks/deliveries',
    base: 'versioned',
    access: 'token',
    scopes: ['read'],
    tag: 'webhooks',
    summary: "The account's webhook deliveries",
    description:
      'Newest first. A delivery that is not acknowledged with 2xx within 10 s is tried again after 5 s, 10 s, 20 s … up to 3 h, for 24 hours. ' +
      'Redirects are not followed. 410 ends it, and nothing more is sent to that URL until a replay to it is acknowledged.',
    query: DeliveryListQuery,
    replies: { 200: { description: 'A page.', schema: PageOfDeliveries } },
    errors: [],
  },
  {
    id: 'getDelivery',
    method: 'GET',
    path: '/webhooks/deliveries/:delivery_id',
    base: 'versioned',
    access: 'token',
    scopes: ['read'],
    tag: 'webhooks',
    summary: 'One delivery with its tries',
    replies: { 200: { description: 'The record.', schema: DeliveryInFull } },
    errors: [403003, 404001],
  },
  {
    id: 'replayDelivery',
    method: 'POST',
    path: '/webhooks/deliveries/:delivery_id/replay',
    base: 'versioned',
    access: 'token',
    scopes: ['manage'],
    tag: 'webhooks',
    summary: 'Send it again',
    description:
      'A new try now, whatever became of the earlier ones, with a schedule of its own. The `webhook-id` stays.',
    replies: { 202: { description: 'The record; the try is due.', schema: Delivery } },
    errors: [403003, 404001],
  },
  {
    id: 'getWebhookSecret',
    method: 'GET',
    path: '/webhooks/secret',
    base: 'versioned',
    access: 'token',
    scopes: ['manage'],
    tag: 'webhooks',
    summary: 'The secret that signs webhooks',
    description: 'One for each account, made when it is first used. Webhooks are signed per Standard Webhooks.',
    replies: { 200: { description: 'The secret.', schema: WebhookSecret } },
    errors: [],
  },
  {
    id: 'rotateWebhookSecret',
    method: 'POST',
    path: '/webhooks/secret/rotate',
    base: 'versioned',
    access: 'token',
    scopes: ['manage'],
    tag: 'webhooks',
    summary: 'Change the secret',
    description: 'For 24 hours webhooks carry both signatures, so that a receiver can change over in its own time.',
    replies: { 200: { description: 'The new secret.', schema: WebhookSecret } },
    errors: [],
  },
] as const satisfies readonly Route[];
