// Accounts and their tokens: the records, and the bodies that make and change them (api.md 3, 3.1).
import Type, { type Static } from 'typebox';
import { Id, Instant, Name, PageQuery } from './fields.ts';

export const SCOPES = ['run', 'read', 'manage', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a token may do when its creator named no scopes. */
export const DEFAULT_SCOPES: readonly Scope[] = ['run', 'read', 'manage'];

export const ROLES = ['admin', 'member'] as const;
export type Role = (typeof ROLES)[number];

const SPENDING_LIMIT_USD_MAX = 1_000_000_000;
const OVERLAP_SECONDS_DEFAULT = 86_400;
const OVERLAP_SECONDS_MAX = 30 * 86_400;

const TokenFields = {
  id: Id,
  name: Type.String(),
  prefix: Type.String({ description: 'The beginning of the secret, to tell tokens apart.' }),
  scopes: Type.Array(Type.Enum(SCOPES)),
  created_at: Instant,
  expires_at: Type.Optional(Instant),
  spending_limit_usd: Type.Optional(Type.Number({ description: 'What may be spent through this token in all.' })),
  last_used_at: Type.Optional(
    Type.Unsafe<string>({ ...Instant, description: 'When it was last used, to the minute; absent when it never was.' }),
  ),
};
export const Token = Type.Object(TokenFields);
export type Token = Static<typeof Token>;

export const PageOfTokens = Type.Object({ data: Type.Array(Token), next_cursor: Type.Optional(Type.String()) });
export const TokenListQuery = Type.Object(PageQuery);

export const TokenCreate = Type.Object({
  name: Name,
  scopes: Type.Optional(
    Type.Array(Type.Enum(SCOPES), {
      minItems: 1,
      maxItems: 20,
      description:
        'Left out: run, read and manage, as far as the calling token has them. None that the calling token lacks; `admin` only for administrators.',
    }),
  ),
  expires_at: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Left out: never, or when the calling token expires. Not in the past, nor after the calling token.',
    }),
  ),
  spending_limit_usd: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: SPENDING_LIMIT_USD_MAX,
      description: "Left out: none, or the calling token's. Not above the calling token's.",
    }),
  ),
});
export type TokenCreate = Static<typeof TokenCreate>;

const Secret = Type.String({ description: 'The secret itself. Shown in this answer and never again.' });

export const TokenWithSecret = Type.Object({ ...TokenFields, token: Secret });

export const TokenRegenerate = Type.Object({
  overlap_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: OVERLAP_SECONDS_MAX,
      default: OVERLAP_SECONDS_DEFAULT,
      description: 'How long the old secret works beside the new one; 0 ends it, and those before it, at once.',
    }),
  ),
});

export const TokenRegenerated = Type.Object({
  ...TokenFields,
  token: Secret,
  old_secret_valid_until: Type.Unsafe<string>({ ...Instant, description: 'Until then the old secret works too.' }),
});

export const TokenRevoked = Type.Object({ id: Id, deleted: Type.Literal(true) });

export const Account = Type.Object({
  id: Id,
  name: Type.String(),
  email: Type.Optional(Type.String()),
  role: Type.Enum(ROLES),
  created_at: Instant,
  token: Type.Optional(Token),
});
export type Account = Static<typeof Account>;

const AccountRecordFields = {
  id: Id,
  name: Type.String(),
  email: Type.Optional(Type.String()),
  role: Type.Enum(ROLES),
  is_active: Type.Boolean({ description: 'Tokens of an account that is not active are refused with 401001.' }),
  created_at: Instant,
};
export const AccountRecord = Type.Object(AccountRecordFields);
export type AccountRecord = Static<typeof AccountRecord>;

export const PageOfAccounts = Type.Object({
  data: Type.Array(AccountRecord),
  next_cursor: Type.Optional(Type.String()),
});
export const AccountListQuery = Type.Object(PageQuery);

const EMAIL = {
  maxLength: 254,
  'x-pattern-says': 'must be an address such as anna@example.org',
  examples: ['anna@example.org'],
};
const EMAIL_PATTERN = '[^\\x00-\\x20\\x7f-\\x9f@]+@[^\\x00-\\x20\\x7f-\\x9f@]+';

export const AccountCreate = Type.Object({
  name: Name,
  email: Type.Optional(Type.String({ ...EMAIL, pattern: `^${EMAIL_PATTERN}$` })),
  role: Type.Optional(Type.Enum(ROLES, { default: 'member' })),
});

export const AccountCreated = Type.Object({ ...AccountRecordFields, token: Secret });

export const AccountPatch = Type.Object({
  name: Type.Optional(Name),
  email: Type.Optional(
    Type.String({ ...EMAIL, pattern: `^(${EMAIL_PATTERN})?$`, description: 'An empty text removes it.' }),
  ),
  role: Type.Optional(Type.Enum(ROLES)),
  is_active: Type.Optional(
    Type.Boolean({ description: '`false` refuses its tokens and ends its queued and running requests with 10002.' }),
  ),
});
