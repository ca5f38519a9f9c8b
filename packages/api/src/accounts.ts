// The reply of GET /account: who the caller is, and what the token it used may do.
import Type, { type Static } from 'typebox';
import { Id, Instant } from './fields.ts';

export const SCOPES = ['run', 'read', 'manage', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a token may do when its creator named no scopes. */
export const DEFAULT_SCOPES: readonly Scope[] = ['run', 'read', 'manage'];

export const ROLES = ['admin', 'member'] as const;
export type Role = (typeof ROLES)[number];

export const Token = Type.Object({
  id: Id,
  name: Type.String(),
  prefix: Type.String({ description: 'The beginning of the secret, to tell tokens apart.' }),
  scopes: Type.Array(Type.Enum(SCOPES)),
  created_at: Instant,
  expires_at: Type.Optional(Instant),
  spending_limit_usd: Type.Optional(Type.Number()),
});
export type Token = Static<typeof Token>;

export const Account = Type.Object({
  id: Id,
  name: Type.String(),
  email: Type.Optional(Type.String()),
  role: Type.Enum(ROLES),
  created_at: Instant,
  token: Type.Optional(Token),
});
export type Account = Static<typeof Account>;
