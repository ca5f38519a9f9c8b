// Names by the house rules: kebab-case files and folders, no drawer names, a first comment that says what a file is for.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const list = (...args: string[]) => execFileSync('git', ['ls-files', '-z', ...args], { encoding: 'utf8' }).split('\0');
// Tracked files and new ones that are not ignored: a file is judged before it is committed.
const files = new Set([...list(), ...list('--others', '--exclude-standard')].filter(Boolean));
const deleted = new Set(list('--deleted'));

const ROOT_WORDS = /^(README|ARCHITECTURE|CONTRIBUTING|CHANGELOG|SECURITY|LICENSE|NOTICE|Dockerfile)(\.md)?$/;
const KEBAB = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
const MIGRATION = /^\d{4}_[a-z0-9_]+\.sql$/;
const DRAWERS = /^(utils?|helpers?|lib|libs|common|misc|types|constants|interfaces|services|managers)(\.ts)?$/;
const SOURCE = /^(packages\/[^/]+\/(src|testing|test)|tools|e2e)\/.*\.(ts|mjs)$/;

const problems: string[] = [];
for (const path of files) {
  if (deleted.has(path) || /(^|\/)fixtures\//.test(path)) continue;
  const name = basename(path);
  if (!KEBAB.test(name) && !ROOT_WORDS.test(name) && !MIGRATION.test(name)) problems.push(`${path}: not kebab-case`);
  for (const part of [...dirname(path).split('/'), name]) {
    if (DRAWERS.test(part)) problems.push(`${path}: "${part}" names a drawer, not an idea`);
  }
  if (SOURCE.test(path) && !name.endsWith('.test.ts') && !/^(#!.*\n)?(\/\/|\/\*)/.test(readFileSync(path, 'utf8'))) {
    problems.push(`${path}: does not open with a comment that says what it does and who calls it`);
  }
}

if (files.size < 40) problems.push(`only ${files.size} files seen`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
