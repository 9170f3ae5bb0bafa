import { describedOptions, optionAt, optionsOf, type Options } from './options.js';
import type { PackageDefinition, PackageResult } from './package-definition.js';

/** In config.json, beside a text option that names a service: the name of that service's endpoint. */
const ENDPOINT = 'x-endpoint';

/** Addresses that a package needs of a service that somebody named in an option. */
export interface EndpointWish {
  /** Path of the option, such as `kafka.service`. */
  readonly option: string;
  readonly service: string;
  readonly endpoint: string;
}

/** By the path of the option: `address:port` of each instance that is ready. */
export type Addresses = ReadonlyMap<string, readonly string[]>;

/**
 * What has to be looked up before the package is rendered with these options. Clients find their way from a few addresses to
 * the whole of a Kafka or a Cassandra, so those of the time of the rendering do; the next update renders them anew.
 */
export function endpointWishes(
  definition: PackageDefinition,
  options: Options,
): PackageResult<readonly EndpointWish[]> {
  const all = optionsOf(definition, options);
  return all.ok ? { ok: true, value: wishesIn(definition.config, all.value) } : all;
}

/** Beside each such option its addresses, `a:1,b:2`: `kafka.service` and `kafka.service@addresses`. */
export function withAddresses(options: Options, addresses: Addresses, path = ''): Options {
  const entries = Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
    const option = `${path}${name}`;
    const found = addresses.get(option);
    if (found !== undefined)
      return [
        [name, value],
        [`${name}@addresses`, found.join(',')],
      ];
    const isInner = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [[name, isInner ? withAddresses(value as Options, addresses, `${option}.`) : value]];
  });
  return Object.fromEntries(entries);
}

function wishesIn(config: PackageDefinition['config'], options: Options): EndpointWish[] {
  return describedOptions(config).flatMap(([path, schema]): EndpointWish[] => {
    const [endpoint, service] = [schema[ENDPOINT], optionAt(options, path)];
    if (typeof endpoint !== 'string' || typeof service !== 'string') return [];
    return [{ option: path.join('.'), service, endpoint }];
  });
}
