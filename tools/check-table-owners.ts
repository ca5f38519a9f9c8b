// A table is written only by its owner's *.sql.ts files; a foreign read is declared in the reader ("// reads: requests").
import { readdirSync, readFileSync } from 'node:fs';

const src = 'packages/server/src';
const files = readdirSync(src, { recursive: true, encoding: 'utf8' });
const text = (path: string) => readFileSync(`${src}/${path}`, 'utf8');

const problems: string[] = [];
const owners = new Map<string, string>();
for (const path of files.filter((file) => /migrations\/.*\.sql$/.test(file)).sort()) {
  const migration = text(path);
  for (const match of migration.matchAll(/create (?:unlogged )?table (?:if not exists )?(\w+)/gi)) {
    const before = migration.slice(0, match.index).trimEnd().split('\n').pop() ?? '';
    const owner = /-- owner: (\w+)/.exec(before)?.[1];
    if (owner) owners.set(match[1] ?? '', owner);
    else problems.push(`${path}: create table ${match[1]} without "-- owner: <folder>" on the line above`);
  }
}

for (const path of files.filter((file) => file.endsWith('.sql.ts'))) {
  const folder = path.split('/')[0];
  const source = text(path);
  const declared = new Set(/^\/\/ reads: (.*)$/m.exec(source)?.[1]?.split(/,\s*/) ?? []);
  for (const [, verb = '', table = ''] of source.matchAll(/\b(insert into|update|delete from|from|join)\s+(\w+)/gi)) {
    const owner = owners.get(table);
    if (!owner || owner === folder) continue;
    const isRead = /^(from|join)$/i.test(verb);
    if (!isRead) problems.push(`${path} writes ${table}, which belongs to ${owner}/`);
    else if (!declared.has(table))
      problems.push(`${path} reads ${table} (owner ${owner}) without "// reads: ${table}"`);
  }
}

if (owners.size === 0) problems.push('no owned tables found: the check is not seeing the migrations');
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
