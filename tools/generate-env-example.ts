// Writes .env.example and the README's table of settings from SETTINGS in packages/server/src/settings.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { SETTINGS, type Setting } from '../packages/server/src/settings.ts';

// A default that is a sentence ("embedded PostgreSQL") says what happens without a value; it is no value itself.
const isValue = (text: string) => /^\S+$/.test(text) && text !== 'none' && text !== 'loopback';

function envLines({ name, default: fallback, unit, what }: Setting): string {
  const about = `# ${what}${unit ? ` (${unit})` : ''}`;
  return isValue(fallback)
    ? `${about}\n#${name}=${fallback}\n`
    : `${about}\n# default: ${fallback || 'empty'}\n#${name}=\n`;
}

function tableRow({ name, default: fallback, unit, what }: Setting): string {
  const shown = isValue(fallback) ? `\`${fallback}\`` : fallback || 'empty';
  return `| \`${name}\` | ${shown}${unit && isValue(fallback) ? ` ${unit}` : ''} | ${what} |`;
}

const head =
  '# Settings of comfleet. Copy the lines you change into the environment of `npm start`. Generated: npm run generate.\n';
writeFileSync('.env.example', `${[head, ...SETTINGS.map(envLines)].join('\n')}`);

const table = ['| setting | default | what |', '|---|---|---|', ...SETTINGS.map(tableRow)].join('\n');
const readme = readFileSync('README.md', 'utf8');
const marked = /(<!-- settings: generated -->\n)[\s\S]*?(\n<!-- \/settings -->)/;
if (!marked.test(readme)) throw new Error('README.md has no <!-- settings: generated --> … <!-- /settings --> block');
writeFileSync(
  'README.md',
  readme.replace(marked, (_, open: string, close: string) => `${open}${table}${close}`),
);
