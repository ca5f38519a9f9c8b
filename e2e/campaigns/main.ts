// `npm run chaos`: plays campaigns and prints of each the seed, the tries, every violation and the times; exits 1 on any violation.
import { parseArgs } from 'node:util';
import { type CampaignReport, runCampaign } from './campaign.ts';
import { CAMPAIGN_NAMES, CAMPAIGNS, type CampaignName } from './campaigns.ts';

const { values } = parseArgs({
  options: {
    campaigns: { type: 'string', default: 'mixed-embedded,mixed-fixed' },
    tries: { type: 'string' },
    kills: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    verbose: { type: 'boolean', default: false },
  },
});

function chosen(text: string): CampaignName[] {
  if (text === 'all') return CAMPAIGN_NAMES;
  return text.split(',').map((word) => {
    const found = CAMPAIGN_NAMES.find((name) => name === word);
    if (found === undefined) throw new Error(`"${word}": choose from ${CAMPAIGN_NAMES.join(', ')}, or all`);
    return found;
  });
}

const MOST_SHOWN = 20;

function describe(report: CampaignReport): string[] {
  const { violations, late } = report;
  const struck = Object.entries(report.strikes).map(([kind, count]) => `${kind} ${count}`);
  return [
    `  struck: ${struck.join(', ')}${report.missed ? `; ${report.missed} tries whose moment did not come` : ''}`,
    `  ${report.submitted} submits, ${report.acknowledged} acknowledged, ${report.runs} runs, ${report.lostAttempts} attempts recorded as lost`,
    `  all ended ${report.endedMs === undefined ? 'NOT in time' : `${ms(report.endedMs)} after the storm`}; ${times('ready', report.readyMs)}`,
    ...Object.entries(report.times ?? {}).map(([what, list]) => `  ${times(what, list)}`),
    ...(report.unplayed === undefined ? [] : [`  not played here: ${report.unplayed}`]),
    ...(late.length === 0 ? [] : [`  over a bar ${late.length} times, the first: ${late[0]?.message}`]),
    ...violations.slice(0, MOST_SHOWN).map(({ kind, message }) => `  ${kind}: ${message}`),
    ...(violations.length > MOST_SHOWN ? [`  and ${violations.length - MOST_SHOWN} more`] : []),
    ...(report.keptIn === undefined ? [] : [`  data and logs are kept in ${report.keptIn}`]),
  ];
}

function times(what: string, list: readonly number[]): string {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (share: number) => ms(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return `${what} after p50 ${at(0.5)}, p99 ${at(0.99)}, slowest ${at(1)} (${sorted.length})`;
}

const ms = (value: number) => `${Math.round(value)} ms`;

const seed = Number(values.seed);
for (const name of chosen(values.campaigns)) {
  const { campaign, bar } = CAMPAIGNS[name];
  const tries = Number(values.tries ?? values.kills ?? bar);
  const from = performance.now();
  const tell = (line: string) =>
    values.verbose && console.log(`  ${Math.round((performance.now() - from) / 1000)} s: ${line}`);
  const report = await runCampaign({ campaign, tries, seed, tell });
  const seconds = Math.round((performance.now() - from) / 1000);
  console.log(
    `${name}: ${tries} tries, ${report.violations.length} violations (seed ${seed}, ${seconds} s): ${campaign.what}`,
  );
  console.log(describe(report).join('\n'));
  if (report.violations.length > 0) process.exitCode = 1;
}

// Node waits in vain for some handles when it ends by itself after sockets of frozen processes; what was printed goes first.
process.stdout.write('', () => process.exit());
