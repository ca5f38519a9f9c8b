// What is generated equals what the code generates now. Runs the generators, compares, and puts the old files back.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const OUTPUTS = ['.env.example', 'README.md', 'docs/errors.md', 'docs/routes.md', 'packages/server/src/db/schema.sql'];

const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);
const before = new Map(OUTPUTS.map((path) => [path, read(path)]));
const problems: string[] = [];
try {
  execFileSync(process.execPath, ['--import', 'tsx', 'tools/generate.ts'], { stdio: ['ignore', 'ignore', 'inherit'] });
} catch {
  problems.push('a generator failed'); // its own words are above
}
for (const [path, text] of before) {
  const now = read(path);
  if (now === undefined) problems.push(`${path}: no generator writes it`);
  else if (now !== text) problems.push(`${path} is stale: run npm run generate`);
  if (text !== undefined && now !== text) writeFileSync(path, text);
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
