// A reason the embedded PostgreSQL cannot run that its operator can do something about: the message says what.
// The process prints it without a stack and exits.

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

export const USE_DATABASE_URL =
  'set DATABASE_URL=postgres://user:password@host:5432/name to use a PostgreSQL (14 or newer) of your own';
