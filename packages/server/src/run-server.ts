// The process: configuration → app → signals → exit code. Called by the command line (packages/cli).
import { startApp } from './app.ts';
import { type Config, listWithoutEffect, readConfig, type StartArgs } from './config.ts';
import { Deposed } from './db/fence.ts';
import { checkStart, FILE_STORAGE } from './doctor/check-start.ts';
import { HARDWARE } from './doctor/judge-settings.pure.ts';

export interface RunServerOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly args: StartArgs;
  readonly emulatorCommand: string[] | undefined;
  readonly version: string;
}

/** A database that is just being started. */
const DATABASE_WITHIN_MS = 30_000;
/** Of what is only worth a look, what is told at every start. */
const TOLD: ReadonlySet<string> = new Set([FILE_STORAGE, HARDWARE]);
/** Another replica took over: whoever keeps this service running starts it again. */
const DEPOSED = 75;

/** Resolves with the exit code once the service has stopped. */
export async function runServer(options: RunServerOptions): Promise<number> {
  // Words that cannot be written, as to a file on a full disk, must not end the service.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const read = readConfig(options.env, options.args, process.cwd());
  if (read.kind === 'bad') {
    complain(['comfleet cannot start with this configuration:', ...read.problems.map((p) => `  - ${p}`)].join('\n'));
    return 2;
  }
  for (const problem of listWithoutEffect(options.env)) complain(problem);
  const { config } = read;
  if (!(await canStart(config))) return 1;
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  // A bug in one request's path must not take the others down; it is logged with its stack.
  process.on('unhandledRejection', (reason) =>
    complain(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`),
  );
  const onFatal = (error: Error) => {
    complain(`comfleet has to stop: ${error.message}`);
    end(error instanceof Deposed ? DEPOSED : 1);
  };
  // A process group is often told twice (by npm and by the terminal): once is enough.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(0));
  let app: Awaited<ReturnType<typeof startApp>>;
  try {
    app = await startApp({ config, version: options.version, emulatorCommand: options.emulatorCommand, onFatal });
  } catch (error) {
    complain(`comfleet could not start: ${describeStartFailure(error, config)}`);
    return 1;
  }
  announce(app, config.dataDir, config.host);
  if (config.sandbox) say(SANDBOX_BANNER);
  if (app.adminUrl !== undefined) say(`Metrics and health are on ${app.adminUrl}`);
  const code = await ended;
  // Nothing is its own any more, so there is nothing to bring to an end.
  if (code === DEPOSED) return code;
  // A stop that hangs must not keep the process for ever.
  setTimeout(() => process.exit(code === 0 ? 1 : code), config.stopGraceMs + 15_000).unref();
  await app.stop();
  return code;
}

/** Every problem at once, before anything is begun. */
async function canStart(config: Config): Promise<boolean> {
  const onWait = (because: string) =>
    complain(`DATABASE_URL: ${because}; it is waited for, up to ${DATABASE_WITHIN_MS / 1_000} s`);
  const findings = await checkStart(config, { withinMs: DATABASE_WITHIN_MS, onWait });
  for (const { verdict, what, says } of findings)
    if (verdict === 'warn' && TOLD.has(what)) complain(`${what}: ${says}`);
  const problems = findings.flatMap(({ verdict, what, says }) => (verdict === 'fail' ? [`  - ${what}: ${says}`] : []));
  if (problems.length === 0) return true;
  complain(['comfleet cannot start:', ...problems, 'comfleet doctor looks at the rest as well.'].join('\n'));
  return false;
}

/** What kept the service from starting, and for the two usual causes the setting that changes it. */
export function describeStartFailure(
  error: unknown,
  { host, port, adminPort }: Pick<Config, 'host' | 'port' | 'adminPort'>,
): string {
  if (!(error instanceof Error)) return String(error);
  const call: NodeJS.ErrnoException & { port?: number } = error;
  if (call.syscall === 'listen' && call.code === 'EADDRINUSE') {
    if (adminPort !== undefined && call.port === adminPort)
      return `port ${adminPort} of ${host} is in use: set COMFLEET_ADMIN_PORT to another`;
    return `port ${port} of ${host} is in use: stop what listens there, perhaps another comfleet, or set PORT (0 takes a free one)`;
  }
  if (call.code === 'ENOTFOUND' || call.code === 'EADDRNOTAVAIL') return `${error.message} (HOST=${host})`;
  return error.message;
}

const SANDBOX_BANNER = `
  *** SANDBOX ***  Callers can provoke every error with the header comfleet-simulate (docs/errors.md).
  *** SANDBOX ***  Meant for testing clients: start without --sandbox (COMFLEET_SANDBOX) to serve anybody.
`;

function announce(app: { url: string; newAdminToken: string | undefined }, dataDir: string, host: string) {
  say(`comfleet listens on ${app.url}`);
  if (app.newAdminToken !== undefined) {
    say(`The first account's token, shown only now (also in ${dataDir}/admin-token):\n  ${app.newAdminToken}`);
  }
  if (!/^(127\.|localhost$|::1$)/.test(host)) {
    say(`It can be reached from other machines (HOST=${host}): put TLS in front of it and set COMFLEET_PUBLIC_URL.`);
  }
}

// What a person who started the service is to read; the structured log goes to stderr line by line.
function say(text: string) {
  process.stdout.write(`${text}\n`);
}

function complain(text: string) {
  process.stderr.write(`${text}\n`);
}
