// An event as the contract shows it. Called by routes.ts.
import { ERRORS, formatInstant, isErrorCode } from '@comfleet/api';
import type { TimelineRow } from './timeline.sql.ts';

export function viewEvent(row: TimelineRow) {
  return {
    id: row.id,
    kind: row.kind,
    created_at: formatInstant(row.created_at),
    message: row.message ?? describeFailedRequest(row),
    ...(row.subject_id === null ? {} : { subject_id: row.subject_id }),
    ...(row.deployment_id === null ? {} : { deployment_id: row.deployment_id }),
    ...(row.token_id === null ? {} : { token_id: row.token_id }),
    ...(row.changes === null ? {} : { changes: JSON.parse(row.changes) as unknown }),
  };
}

// By its code alone: what the run itself said is in the request's result, for its owner.
function describeFailedRequest({ id, error_code: code }: TimelineRow): string {
  if (!isErrorCode(code)) return `Request ${id} failed.`;
  return `Request ${id} failed with ${code} ${ERRORS[code].name}: ${ERRORS[code].title.toLowerCase()}.`;
}
