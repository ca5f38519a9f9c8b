// The package's door: the process for the command line, the settings for the docs.
export type { StartArgs } from './config.ts';
export type { RunServerOptions } from './run-server.ts';
export { SETTINGS, type Setting } from './settings.ts';
export { runDoctor, runServer } from './start-server.ts';
