// Writes docs/errors.md. Run by `npm run generate` after a change of the catalogue.
import { writeFileSync } from 'node:fs';
import { errorsPage } from './errors-page.ts';

writeFileSync(new URL('../docs/errors.md', import.meta.url), errorsPage());
