// `npm run generate`: runs every tools/generate-*.ts, so that what is derived from code follows the code.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

for (const name of readdirSync('tools').filter((file) => /^generate-.*\.ts$/.test(file))) {
  execFileSync(process.execPath, ['--import', 'tsx', `tools/${name}`], { stdio: 'inherit' });
}
