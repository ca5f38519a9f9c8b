// The part of docs/errors.md about the error simulator. Used by errors-page.ts.

export const TRYING_IT_OUT = `## Trying it out

A server started with \`--sandbox\` (or \`COMFLEET_SANDBOX=on\`) lets you provoke every code without breaking anything: send the
header \`comfleet-simulate\` with a code. Other servers do not look at it. A client that cannot set headers puts the same text
into the body of its submit as a label, \`{"metadata": {"comfleet-simulate": "10011"}}\`. What is made up ends with "(Simulated.)".

\`\`\`sh
npm start -- --sandbox
export API=http://127.0.0.1:7788/prod/v2 TOKEN=$(cat .comfleet/admin-token)
export DEPLOYMENT=… # the id of one of yours
call() { curl -si -H "Authorization: Bearer $TOKEN" "$@"; }
\`\`\`

**Errors of calls** (\`401001\` to \`503001\`, \`10000\`): on any route, with their status, headers and body.

\`\`\`sh
call "$API/deployments" -H 'comfleet-simulate: 429001'
\`\`\`

**Refused submits** (\`10001\`, \`10002\`, \`10003\`, \`10013\`, and those above): nothing is accepted.

\`\`\`sh
call "$API/deployments/$DEPLOYMENT/inference" -d '{}' -H 'comfleet-simulate: 10001'
\`\`\`

**Failures while a run is put on an instance** (\`10004\`, \`10007\`, \`10008\`, \`10009\`): accepted, seen \`in_queue\`, then \`completed\` with
a failed result. No instance is needed and nothing runs.

\`\`\`sh
call "$API/deployments/$DEPLOYMENT/inference" -d '{}' -H 'comfleet-simulate: 10009'
\`\`\`

**Failures of runs** (\`10000\`, \`10006\`, \`10011\`, \`10012\`, \`200001\`): seen \`in_progress\` on an instance that does not exist as well.
\`200001\` comes with \`succeeded\` and files without an address.

\`\`\`sh
call "$API/deployments/$DEPLOYMENT/inference" -d '{}' -H 'comfleet-simulate: 10011;after=5s'
\`\`\`

**Polls that fail** (\`10005\`, and with \`in=status\` also \`10000\`, \`500001\`, \`503001\`, …): the run is a real one; its status answers the
error once, or so many times, and then goes on.

\`\`\`sh
call "$API/deployments/$DEPLOYMENT/inference" -d '{}' -H 'comfleet-simulate: 503001;in=status;times=3'
\`\`\`

| option | what | default |
| --- | --- | --- |
| \`after=5s\` | until the error: \`500ms\`, \`5s\`, \`2m\`, up to an hour | 2 s for results, else at once |
| \`in=submit\`, \`in=status\`, \`in=result\` | where a code is told that can be told in several places | where it usually is |
| \`times=3\` | how many polls fail, for \`in=status\` | 1 |

A simulated request is a real one otherwise: it is stored, listed (by its label \`comfleet-simulate\`), followed by events and
webhooks, waited for with \`Prefer: wait\`, cancelled, and goes on after a restart (without \`--sandbox\`, it then really runs). It costs nothing. A code that does not exist, or
an option that does not fit, gets 422001 with what is possible.
`;
