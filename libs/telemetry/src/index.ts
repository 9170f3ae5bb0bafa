export { runOwner, type OwnerAdapters } from './owner-process.js';
export type { LineTaker, LogLevel } from './process-log.js';
export { processSettings, type Environment, type ProcessSettings } from './process-settings.js';
export { Telemetry } from './telemetry.js';
export type { Health } from './telemetry-server.js';
