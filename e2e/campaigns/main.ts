// `npm run chaos`: the crash campaign in both set-ups. Prints the seed, the tries and every violation; exits 1 on any.
import { parseArgs } from 'node:util';
import { type CampaignReport, type CrashTarget, runCrashCampaign } from './crash-campaign.ts';
import type { SetUp } from './stage.ts';

const TARGETS = ['service', 'database', 'backend', 'service+database'] as const;
const SET_UPS = ['embedded', 'fixed'] as const;

const { values } = parseArgs({
  options: {
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

const seed = Number(values.seed);
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
