export * from './command.js';
export * from './ids.js';
export * from './journal.js';
export * from './refusals.js';
export * from './topics.js';
