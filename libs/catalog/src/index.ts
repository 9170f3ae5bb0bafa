export { packagesFolder } from './packages-folder.js';
export {
  packageFiles,
  readPackage,
  type PackageDefinition,
  type PackageFiles,
  type PackageResult,
} from './package-definition.js';
export { ALERTS_FILE, alertsOf, type Alert } from './alerts.js';
export { refusalOfFixed, type Chosen } from './fixed-options.js';
export { mergeOptions, optionsOf, type Options } from './options.js';
export { endpointWishes, type Addresses, type EndpointWish } from './endpoints.js';
export { chosenOptions, filledFile, renderService, type RenderRequest } from './render.js';
export { compareVersions, refusalOfMove } from './versions.js';
