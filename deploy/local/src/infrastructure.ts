import { findJavaHome } from '../preflight.mjs';
import { embeddedInfrastructure } from './infrastructure-embedded.js';
import { givenInfrastructure } from './infrastructure-given.js';
import type { Ports } from './ports.js';
import type { Progress } from './progress.js';
import type { RememberedPorts } from './remembered-ports.js';
import type { Settings } from './settings.js';
import type { Supervisor } from './supervisor.js';

/** Kafka or Cassandra, serving clients. */
export interface Served {
  readonly addresses: readonly string[];
  /** Stops what the supervisor does not stop. */
  readonly stop: () => Promise<void>;
}

/** A source of Kafka and Cassandra. Each is served when its promise comes true. */
export interface InfrastructureProvider {
  readonly kafka: () => Promise<Served>;
  readonly cassandra: () => Promise<Served>;
}

export interface InfrastructureSurroundings {
  readonly settings: Settings;
  readonly supervisor: Supervisor;
  readonly ports: Ports;
  readonly remembered: RememberedPorts;
  readonly progress: Progress;
  /** Ends every waiting when the launcher is told to stop. */
  readonly signal: AbortSignal;
  /** Journals are never deleted, so this is for tests only. */
  readonly deletableTopics: boolean;
}

export interface Infrastructure {
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
  readonly stop: () => Promise<void>;
}

/** What is done with each as soon as it serves, while the other may still be starting. */
export interface Provisioning {
  readonly kafka: (addresses: readonly string[]) => Promise<void>;
  readonly cassandra: (addresses: readonly string[]) => Promise<void>;
}

/** Both at once, since together they take as long as the slower one. What was given an address is never started. */
export async function startInfrastructure(
  asked: InfrastructureSurroundings,
  provision?: Provisioning,
): Promise<Infrastructure> {
  const { settings } = asked;
  // When one has failed, nobody waits for the other.
  const failed = new AbortController();
  const surroundings = { ...asked, signal: AbortSignal.any([asked.signal, failed.signal]) };
  const given = givenInfrastructure(surroundings);
  const own = settings.kafka && settings.cassandra ? given : await ownInfrastructure(surroundings);
  const served = async (name: keyof InfrastructureProvider) => {
    try {
      const one = await (settings[name] ? given : own)[name]();
      await provision?.[name](one.addresses);
      return one;
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  const [kafka, cassandra] = await Promise.all([served('kafka'), served('cassandra')]);
  return {
    kafka: kafka.addresses,
    cassandra: cassandra.addresses,
    stop: async () => void (await Promise.all([kafka.stop(), cassandra.stop()])),
  };
}

async function ownInfrastructure(surroundings: InfrastructureSurroundings): Promise<InfrastructureProvider> {
  const { infra } = surroundings.settings;
  const javaHome = infra === 'docker' ? undefined : findJavaHome();
  if (javaHome !== undefined) return embeddedInfrastructure(surroundings, javaHome);
  // A heavy library that hardly anybody needs.
  const { containerInfrastructure } = await import('./infrastructure-containers.js');
  return containerInfrastructure(surroundings);
}
