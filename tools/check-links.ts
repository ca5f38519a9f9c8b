// Every relative link in the Markdown files leads to a file that exists, so that the map stays true when files move.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path && existsSync(path));

const problems: string[] = [];
let links = 0;
for (const page of pages) {
  for (const [, target = ''] of readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^([a-z]+:|#)/.test(target)) continue;
    links += 1;
    const path = join(dirname(page), target.replace(/#.*$/, ''));
    if (!existsSync(path)) problems.push(`${page}: broken link ${target}`);
  }
}

if (links === 0) problems.push('no links found: the check is not seeing the pages');
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
