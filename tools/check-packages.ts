// Each package has one door, exact versions, no install script, and the lock file names no download host.
import { readdirSync, readFileSync } from 'node:fs';

interface Manifest {
  name: string;
  exports?: Record<string, string>;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

// @types/node follows the oldest Node we support, so its line may float within that major version.
const MAY_FLOAT = new Set(['@types/node']);
const DOORS = new Set(['.', './testing']);

const problems: string[] = [];
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Manifest;

function checkVersions(path: string, manifest: Manifest) {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  for (const [name, version] of Object.entries(all)) {
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) && !MAY_FLOAT.has(name)) {
      problems.push(`${path}: ${name}@${version} is not an exact version`);
    }
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (manifest.scripts?.[script]) problems.push(`${path}: has a ${script} script; npm ci --ignore-scripts must work`);
  }
}

checkVersions('package.json', read('package.json'));
for (const name of readdirSync('packages')) {
  const path = `packages/${name}/package.json`;
  const manifest = read(path);
  checkVersions(path, manifest);
  const doors = Object.keys(manifest.exports ?? {});
  if (!doors.includes('.')) problems.push(`${path}: no exports["."]`);
  for (const door of doors) if (!DOORS.has(door)) problems.push(`${path}: an extra door ${door}`);
}
const resolved = readFileSync('package-lock.json', 'utf8').match(/"resolved": "http[^"]*"/g) ?? [];
if (resolved.length > 0) problems.push(`package-lock.json names ${resolved.length} download addresses`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
