// The package's door: the process for the command line, the settings for the docs.
export type { StartArgs } from './config.ts';
export { runDoctor } from './doctor/run-doctor.ts';
export { type RunServerOptions, runServer } from './run-server.ts';
export { SETTINGS, type Setting } from './settings.ts';
