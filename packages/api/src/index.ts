// The contract of the HTTP API: schemas, types, the error catalogue and the route table. Used by the server, the command
// line and every client of ours.
export * from './accounts.ts';
export * from './api-error.ts';
export * from './check.ts';
export * from './deployments.ts';
export * from './error-codes.ts';
export * from './error-entry.ts';
export * from './error-schema.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './fields.ts';
export * from './hardware.ts';
export * from './instances.ts';
export * from './limits.ts';
export * from './nearest.ts';
export * from './openapi.ts';
export * from './openapi-errors.ts';
export * from './problems.ts';
export * from './read.ts';
export * from './request-events.ts';
export * from './request-history.ts';
export * from './requests.ts';
export * from './route.ts';
export * from './routes.ts';
export * from './submit-body.ts';
export * from './timestamps.ts';
export * from './workflows.ts';
