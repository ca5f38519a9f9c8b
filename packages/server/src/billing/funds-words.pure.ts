// Why an account or a token may not start another run, and the sentence that says so with the way out. Called by funds.ts.
import { mayStartAnother, type Purse } from './hold.pure.ts';
import { formatUsd } from './money.pure.ts';

export type Refusal = 'balance' | 'account_limit' | 'token_limit';

interface AccountMoney {
  readonly id: string;
  readonly purse: Purse;
  readonly balance: number;
  readonly spent: number;
  readonly limit: number | undefined;
}

/** Undefined: it may. */
export function judgeStart(account: AccountMoney, token: Purse | undefined): Refusal | undefined {
  if (!mayStartAnother(account.purse)) {
    const isLimitNearer = account.limit !== undefined && account.limit - account.spent < account.balance;
    return isLimitNearer ? 'account_limit' : 'balance';
  }
  return token !== undefined && !mayStartAnother(token) ? 'token_limit' : undefined;
}

/** `was_low`: there are funds again, the deployment is still disabled. */
export function describeRefusal(
  account: AccountMoney,
  of: { refusal: Refusal | 'was_low'; token?: Purse | undefined; deploymentId?: string },
): string {
  const balance = `The balance is ${formatUsd(account.balance - account.purse.charged)}`;
  const { refusal, token, deploymentId } = of;
  const disabled =
    deploymentId === undefined ? '' : ` Deployment ${deploymentId} is disabled until it is enabled again.`;
  const enable = 'enable the deployment with PATCH {"is_enabled": true}';
  switch (refusal) {
    case 'balance': {
      const addFunds = `An administrator adds funds with POST /admin/accounts/${account.id}/credits {"amount_usd": …}`;
      const kept = describeKept(account.purse);
      return `${balance}${kept}, which does not allow new runs.${disabled} ${addFunds}; then ${enable}.`;
    }
    case 'account_limit': {
      const limit = `The account's spending limit of ${formatUsd(account.limit ?? 0)} does not allow new runs`;
      const spent = `${formatUsd(account.spent)} are spent${describeKept(account.purse)}`;
      const raise = `An administrator raises it with POST /admin/accounts/${account.id}/spending_limit`;
      return `${limit}: ${spent}. ${balance}.${disabled} ${raise}; then ${enable}.`;
    }
    case 'token_limit': {
      const left = formatUsd(Math.max(0, (token?.left ?? 0) - (token?.charged ?? 0)));
      const limit = `This token's spending limit does not allow new runs: ${left} of it are left`;
      return `${limit}${token ? describeKept(token) : ''}. ${balance}. Use a token with a higher limit, or one without.`;
    }
    case 'was_low':
      return `${balance}, which allows new runs: ${enable}.`;
  }
}

function describeKept({ reserved, overrun }: Purse): string {
  return reserved + overrun === 0 ? '' : ` and live requests reserve ${formatUsd(reserved + overrun)}`;
}
