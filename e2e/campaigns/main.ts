// `npm run chaos`: the crash campaign in both set-ups, or with --campaigns R1,R3 those of the reliability goals. Prints the seed, the tries and every violation; exits 1 on any.
import { parseArgs } from 'node:util';
import { type CampaignReport, type CrashTarget, runCrashCampaign } from './crash-campaign.ts';
import { FAULT_CAMPAIGNS, type FaultCampaignName, runFaultCampaign } from './fault-campaigns.ts';
import type { SetUp } from './stage.ts';

const TARGETS = ['service', 'database', 'backend', 'service+database'] as const;
const SET_UPS = ['embedded', 'fixed'] as const;

const { values } = parseArgs({
  options: {
    campaigns: { type: 'string' },
    tries: { type: 'string', default: '50' },
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    targets: { type: 'string', default: 'service,database,backend' },
    setups: { type: 'string', default: SET_UPS.join(',') },
    'in-flight': { type: 'string', default: '50' },
    verbose: { type: 'boolean', default: false },
  },
});

function chosen<T extends string>(text: string, known: readonly T[]): [T, ...T[]] {
  const words = text.split(',');
  const found = words.flatMap((word) => known.filter((name) => name === word));
  const [first, ...others] = found;
  if (first === undefined || found.length < words.length) throw new Error(`"${text}": choose from ${known.join(', ')}`);
  return [first, ...others];
}

function describe(setUp: SetUp, report: CampaignReport): string {
  const sorted = [...report.readyMs].sort((a, b) => a - b);
  const at = (share: number) => `${Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)} ms`;
  const lines = [
    `${setUp}: ${report.kills} tries, ${report.violations.length} violations`,
    `  ${report.submitted} submits, ${report.acknowledged} acknowledged, ${report.runs} runs, ${report.lostAttempts} attempts recorded as lost`,
    `  ready again after p50 ${at(0.5)}, slowest ${at(1)} of ${sorted.length} starts`,
    ...report.violations.map(({ kind, message }) => `  ${kind}: ${message}`),
  ];
  if (report.keptIn !== undefined) lines.push(`  data and logs are kept in ${report.keptIn}`);
  return lines.join('\n');
}

async function runNamed(names: readonly FaultCampaignName[], seed: number): Promise<void> {
  for (const name of names) {
    const tries = Number(values.tries);
    const report = await runFaultCampaign({ name, seed, tries });
    const slowest = Math.round(Math.max(0, ...report.readyMs));
    console.log(
      `${name}: ${tries} tries, ${report.violations.length} violations (seed ${seed}): ${FAULT_CAMPAIGNS[name].what}`,
    );
    console.log(
      `  ${report.acknowledged} acknowledged, ${report.runs} runs, ${report.lostAttempts} lost attempts, ${report.missed} strikes whose moment did not come, ready again within ${slowest} ms`,
    );
    for (const { kind, message } of report.violations) console.log(`  ${kind}: ${message}`);
    if (report.keptIn !== undefined) console.log(`  data and logs are kept in ${report.keptIn}`);
    if (report.violations.length > 0) process.exitCode = 1;
  }
}

async function runCrashes(seed: number): Promise<void> {
  const kills = Number(values.kills);
  const targets: [CrashTarget, ...CrashTarget[]] = chosen(values.targets, TARGETS);
  console.log(`seed ${seed}, ${kills} kills of ${targets.join(', ')} with ${values['in-flight']} requests in flight`);
  for (const setUp of chosen(values.setups, SET_UPS)) {
    const onKill = values.verbose ? { onKill: (line: string) => console.log(`  ${line}`) } : {};
    const report = await runCrashCampaign({
      setUp,
      seed,
      kills,
      targets,
      inFlight: Number(values['in-flight']),
      ...onKill,
    });
    console.log(describe(setUp, report));
    if (report.violations.length > 0) process.exitCode = 1;
  }
}

const seed = Number(values.seed);
if (values.campaigns === undefined) await runCrashes(seed);
else {
  const known = Object.keys(FAULT_CAMPAIGNS) as FaultCampaignName[];
  await runNamed(values.campaigns === 'all' ? known : chosen(values.campaigns, known), seed);
}
