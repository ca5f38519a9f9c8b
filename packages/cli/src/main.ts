// The process: command line → command → exit code. The one file of the bundle that does something when it is loaded.
import { runDoctor } from '@comfleet/server';
import { parseCommand } from './command-line.ts';
import { runDemo } from './commands/demo.ts';
import { runStart } from './commands/start.ts';
import { helpText, versionText } from './help.ts';
import { findLayout } from './layout.ts';

async function main(argv: string[]): Promise<number> {
  const command = parseCommand(argv);
  switch (command.kind) {
    case 'start':
      return runStart(findLayout(import.meta.url), command.args);
    case 'doctor':
      return runDoctor({ env: process.env, args: command.args, write: (line) => console.log(line) });
    case 'demo':
      return runDemo(findLayout(import.meta.url), command.photo);
    case 'help':
      console.log(helpText());
      return 0;
    case 'version':
      console.log(versionText());
      return 0;
    case 'bad':
      console.error(`comfleet: ${command.message}\nTry: comfleet help`);
      return 2;
  }
}

process.exit(await main(process.argv.slice(2)));
