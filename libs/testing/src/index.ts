export {
  digestOf,
  Outcome,
  Specification,
  specificationOf,
  SPECIFICATION_STARTS_AT_MS,
  type Stamp,
} from './decider-specification.js';
