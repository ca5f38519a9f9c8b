// The second half of an administrator's right: the scope is the token's, the role the account's. An account that was
// demoted keeps its tokens, and with this they open nothing. Called by routes.ts files of administrators' routes.
import { ApiError } from '@comfleet/api';

export function requireAdmin(account: { readonly role: 'admin' | 'member' }): void {
  if (account.role === 'admin') return;
  const hint = 'Use a token of an administrator, or ask one to change the role of this account.';
  throw new ApiError(403003, "This call is for administrators; the token's account is a member.", { hint });
}
