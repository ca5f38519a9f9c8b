// Names by the house rules: kebab-case files and folders, no drawer names, a first comment that says what a file is for and
// names only files that are there.
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

/** Not of a pattern such as *.sql.ts. */
const FILE_NAME = /(?<![*.\w-])[\w-][\w.-]*\.ts\b/g;
const names = new Set([...files].map((path) => basename(path)));

function firstComment(text: string): string {
  const lines = text.replace(/^#!.*\n/, '').split('\n');
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('//'));
  return lines.slice(0, end < 0 ? lines.length : end).join('\n');
}

const problems: string[] = [];
for (const path of files) {
  if (deleted.has(path) || /(^|\/)fixtures\//.test(path)) continue;
  const name = basename(path);
  if (!KEBAB.test(name) && !ROOT_WORDS.test(name) && !MIGRATION.test(name)) problems.push(`${path}: not kebab-case`);
  for (const part of [...dirname(path).split('/'), name]) {
    if (DRAWERS.test(part)) problems.push(`${path}: "${part}" names a drawer, not an idea`);
  }
  if (!SOURCE.test(path) || name.endsWith('.test.ts')) continue;
  const text = readFileSync(path, 'utf8');
  if (!/^(#!.*\n)?(\/\/|\/\*)/.test(text)) {
    problems.push(`${path}: does not open with a comment that says what it does and who calls it`);
  }
  for (const [named] of firstComment(text).matchAll(FILE_NAME)) {
    if (!names.has(named)) problems.push(`${path}: its first comment names ${named}, which is not there`);
  }
}

if (files.size < 40) problems.push(`only ${files.size} files seen`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
