// Writes docs/routes.md. Run by `npm run generate` after a change of a route, its handler or its tests.
import { writeFileSync } from 'node:fs';
import { routesPage } from './routes-page.ts';

const { text, problems } = routesPage();
for (const problem of problems) console.error(problem);
writeFileSync(new URL('../docs/routes.md', import.meta.url), text);
process.exitCode = problems.length > 0 ? 1 : 0;
