// Writes the reference page of the error catalogue from its data. Called by generate-errors.ts, and by the test that
// fails when docs/errors.md is stale.
import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import type { CatalogueEntry, ErrorCode } from '@comfleet/api';
import { ERROR_CODES, ERRORS, resultError } from '@comfleet/api';
import type { Example } from '../packages/server/testing/provoke.ts';
import { TRYING_IT_OUT } from './errors-page-sandbox.ts';

/** What a running service said (tools/capture-errors.ts). */
const EXAMPLES = JSON.parse(
  readFileSync(new URL('../docs/captured-errors.json', import.meta.url), 'utf8'),
) as readonly Example[];

const OPENING = `<!-- Generated from packages/api/src/errors.ts and docs/captured-errors.json by \`npm run generate\`. Do not edit. -->

# Errors

Every error the service can report has a number that never changes its meaning. This page is all you need to write error
handling.

## Two places

**Before a request is accepted**, a problem is an HTTP error: a status that is not 2xx, with this body.

${fence(answerOf(422001))}

- \`error_code\` and \`code\` are the same number, \`error_message\` and \`message\` the same text: read whichever you like.
- \`detail\` is there when there is more to say, with one entry for each problem, all of them at once. \`loc\` points at the field.
- \`hint\` says what to do.
- \`request_id\` is the id of this exchange, also in the header \`x-request-id\`. Give it to the operator when you ask for help.
- A success body never has a key named \`error_code\`, so its presence alone tells an error.

**After acceptance**, nothing turns polling into an HTTP error. The status becomes \`completed\`, the result is 200 with the
status \`failed\`, and its \`error\` array says why. All four values are strings but the code.

${fence({ status: 'failed', error: [resultError(10011, 'Node 3 (KSampler): out of memory.', '{"node_id": "3"}')] })}

Passing faults (an instance restarts, a connection breaks) are retried inside; polling keeps answering the last known state.

## Handling them

1. **Retryable** errors may go away by themselves. Wait for \`Retry-After\` when it is there, else a second, then two, then four.
   A call that got an HTTP error is sent again as it was; with an \`Idempotency-Key\`, a repeated submit never runs the work
   twice. A *result* that failed stays failed, however often it is polled: submit again, with a new \`Idempotency-Key\`, for the
   old one brings back the request that failed.
2. **Not retryable** errors come again until something changes: the call, the deployment, or the balance. Show \`message\` and
   \`hint\` to whoever can change it.
3. Decide by the number, never by the text. Treat a number you do not know by its HTTP status.

${TRYING_IT_OUT}
## All codes
`;

export function errorsPage(): string {
  const rows = ERROR_CODES.map((code) => {
    const { name, phases, status, reportedIn, retryable, title } = ERRORS[code];
    const cells = [
      `[${code}](#${anchor(code)})`,
      name,
      phases.join(', '),
      status ?? '-',
      reportedIn.join(', '),
      retryable ? 'yes' : 'no',
      title,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head =
    '| code | name | phase | HTTP | told in | retryable | what it means |\n| ---: | --- | --- | --- | --- | --- | --- |';
  return `${OPENING}\n${head}\n${rows.join('\n')}\n\n${PHASES}\n${EXAMPLES_NOTE}\n${ERROR_CODES.map(section).join('\n')}`;
}

const PHASES = `Phases: \`http\`, the call never reached the domain; \`gate\`, refused before acceptance; \`queue\`, putting the run on an
instance; \`status\`, following it; \`result\`, fetching its outputs; \`any\`.
`;

const EXAMPLES_NOTE = `The examples are what a running service said, each provoked by its real cause where a call can bring it about; ids, times
and addresses are replaced. A call is shown without its \`Authorization\` header.
`;

function section(code: ErrorCode): string {
  const entry = ERRORS[code];
  const examples = EXAMPLES.filter((example) => example.code === code).map(showExample);
  return `## ${code} ${entry.name}

**${entry.title}.** ${entry.meaning}

- **Where:** ${where(entry)}
- **Retry:** ${retry(entry)}
- **What to do:** ${entry.hint}

${examples.join('\n\n')}
`;
}

const KIND_SAYS = {
  error: 'As an HTTP error',
  result: 'In a result',
  webhook: 'In a webhook, where no poll can see it',
} as const;

function showExample({
  kind,
  call,
  sent = {},
  body,
  status = 200,
  headers = {},
  answer,
  isSimulated,
}: Example): string {
  const said = `${KIND_SAYS[kind]}${isSimulated ? ' (by the simulator: no call makes it happen)' : ''}:`;
  const asked = [call, ...Object.entries(sent).map(([name, value]) => `${name}: ${value}`)];
  if (body !== undefined && JSON.stringify(body) !== '{}') asked.push('', JSON.stringify(body));
  if (kind === 'webhook') return `${said}\n\n\`\`\`http\n${call}\n\`\`\`\n\n${fence(answer)}`;
  const got = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
  got.push(...Object.entries(headers).map(([name, value]) => `${name}: ${value}`));
  return `${said}\n\n\`\`\`http\n${[...asked, '', ...got].join('\n')}\n\`\`\`\n\n${fence(answer)}`;
}

function answerOf(code: ErrorCode): unknown {
  return EXAMPLES.find((example) => example.code === code)?.answer;
}

function where({ status, reportedIn, header }: CatalogueEntry): string {
  const places = [];
  if (reportedIn.includes('body'))
    places.push(`HTTP ${status}, in the body${header === undefined ? '' : `, with the header \`${header}\``}`);
  if (reportedIn.includes('result')) places.push('the `error` array of a result (HTTP 200)');
  return `${places.join('; or ')}.`;
}

function retry({ retryable, reportedIn }: CatalogueEntry): string {
  if (!retryable) return 'no, not before something has changed.';
  if (!reportedIn.includes('result')) return 'yes, the same call may succeed later.';
  const again = 'submit again, with a new `Idempotency-Key`';
  return reportedIn.includes('body')
    ? `yes, the same call may succeed later; after a failed result, ${again}.`
    : `yes: ${again}.`;
}

function anchor(code: ErrorCode): string {
  return `${code}-${ERRORS[code].name}`.toLowerCase();
}

function fence(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}
