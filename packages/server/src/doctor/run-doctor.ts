// `comfleet doctor`: looks at everything that a start needs, and says of each whether it is well and what to do about it.
// Called by the command line (packages/cli).
import { chooseProviders } from '../app-providers.ts';
import { type Config, listWithoutEffect, readConfig, type StartArgs } from '../config.ts';
import { createDatabase } from '../db/database.ts';
import { describeProblems } from '../instances/provider-check.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLog } from '../telemetry/log.ts';
import { createIdSource } from '../telemetry/new-id.ts';
import { checkComfyuis } from './check-comfyui.ts';
import { checkStart } from './check-start.ts';
import { type Finding, fail, messageOf, ok, warn } from './finding.ts';

interface DoctorOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly args: StartArgs;
  readonly write: (line: string) => void;
}

/** The exit code: 0 when a start would go well, 1 when something fails, 2 for a configuration that cannot be read. */
export async function runDoctor({ env, args, write }: DoctorOptions): Promise<number> {
  const read = readConfig(env, args, process.cwd());
  if (read.kind === 'bad') {
    for (const problem of read.problems) write(line(fail('configuration', problem)));
    return 2;
  }
  const { config } = read;
  const findings = [
    ...listWithoutEffect(env).map((problem) => warn('configuration', problem)),
    ok('configuration', 'every setting can be read'),
    ...(await checkStart(config, { withinMs: 0 })),
    ...(await checkComfyuis(listUrls(config))),
    ...(await checkProviders(config)),
  ];
  for (const finding of findings) write(line(finding));
  const count = (verdict: Finding['verdict']) => findings.filter((each) => each.verdict === verdict).length;
  write(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`);
  return count('fail') > 0 ? 1 : 0;
}

function listUrls({ comfyuiUrls, providers }: Config): string[] {
  const ofSkus = [...providers.values()].flatMap((each) => (each.kind === 'static' ? each.urls : []));
  return [...new Set([...comfyuiUrls, ...ofSkus])];
}

async function checkProviders(config: Config): Promise<Finding[]> {
  const log = createLog('silent');
  const url = config.databaseUrl ?? 'postgres://127.0.0.1:1/none';
  const db = createDatabase({ url, log, poolSize: 1, applicationName: 'comfleet check' });
  const newId = createIdSource(() => Date.now());
  const base = { config, emulatorCommand: undefined, db, newId, clock: systemClock, log };
  const findings: Finding[] = [];
  for (const { kind, check } of chooseProviders(base)) {
    if (check === undefined) continue;
    try {
      const problems = await check();
      findings.push(...describeProblems(problems).map((problem) => fail(`provider ${kind}`, problem)));
      if (problems.length === 0) findings.push(ok(`provider ${kind}`, 'can make instances'));
    } catch (error) {
      findings.push(warn(`provider ${kind}`, `could not be checked: ${messageOf(error)}`));
    }
  }
  await db.stop();
  return findings;
}

function line({ verdict, what, says }: Finding): string {
  return `${verdict.padEnd(4)}  ${what}: ${says}`;
}
