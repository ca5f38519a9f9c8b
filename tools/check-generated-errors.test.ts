import { readFileSync } from 'node:fs';
import { ERROR_CODES, ERRORS } from '@comfleet/api';
import { expect, test } from 'vitest';
import { errorsPage } from './errors-page.ts';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');

test('docs/errors.md says what the catalogue says (else: npm run generate)', () => {
  expect(page).toBe(errorsPage());
});

test.each(ERROR_CODES)('docs/errors.md shows what a service really said of %i, wherever it is told', (code) => {
  const section = page.split('\n## ').find((each) => each.startsWith(`${code} `)) ?? '';
  const { reportedIn, header } = ERRORS[code];
  expect(section.includes(`"error_code": ${code}`)).toBe(reportedIn.includes('body'));
  expect(section.includes(`"errorCode": ${code}`)).toBe(reportedIn.includes('result'));
  if (header !== undefined) expect(section).toContain(`\n${header.toLowerCase()}: `);
});
