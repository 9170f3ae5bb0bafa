import type { ClientQuota } from '@orrery/contracts';
import { Backoff } from './backoff.js';
import { errorName } from './broker-errors.js';
import { ClusterSession } from './cluster-session.js';
import { describeQuotaExchange, setQuotaExchange } from './exchanges.js';
import type { KafkaOptions } from './kafka-options.js';

/** A quota that the brokers do not enforce: whoever writes under that client id is held back by nobody but itself. */
export interface QuotaMissing extends ClientQuota {
  /** What the broker said, and what to do. */
  readonly why: string;
}

export interface EnsuredQuotas {
  /** Set now, since there was none. */
  readonly set: readonly ClientQuota[];
  /** There already, with what is in force: an operator may have chosen another rate than ours, and it stays. */
  readonly kept: readonly ClientQuota[];
  readonly missing: readonly QuotaMissing[];
}

const IN_FORCE_WITHIN_MS = 10_000;

/** Makes the producer quotas of an installation and checks those that are there. */
export class KafkajsQuotas {
  readonly #options: KafkaOptions;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /**
   * Every broker enforces a quota by itself, over all connections with the client id. `topic` is any topic that exists. A broker
   * that knows no quotas, or lets nobody set them, is no reason to refuse a start: the quota is among the missing ones.
   */
  async ensureQuotas(quotas: readonly ClientQuota[], topic: string): Promise<EnsuredQuotas> {
    const session = new ClusterSession(this.#options);
    const ensured = { set: [] as ClientQuota[], kept: [] as ClientQuota[], missing: [] as QuotaMissing[] };
    try {
      const node = await session.leaderOf({ topic, partition: 0 });
      for (const quota of quotas) {
        try {
          const found = await producerQuota(session, node, quota.clientId);
          if (found === undefined) await setProducerQuota(session, node, quota);
          if (found === undefined) ensured.set.push(quota);
          else ensured.kept.push({ ...quota, bytesPerSecond: found });
        } catch (error) {
          ensured.missing.push({ ...quota, why: `${messageOf(error)}; ${remedy(quota)}` });
        }
      }
      return ensured;
    } finally {
      await session.close();
    }
  }
}

async function producerQuota(session: ClusterSession, node: number, clientId: string): Promise<number | undefined> {
  const { errorCode, message, bytesPerSecond } = await session.send(node, 0, describeQuotaExchange(clientId));
  if (errorCode !== 0) throw new Error(message || errorName(errorCode));
  return bytesPerSecond;
}

/** Resolves when the quota is in force: what the controller was told reaches the brokers a moment later. */
async function setProducerQuota(session: ClusterSession, node: number, quota: ClientQuota): Promise<void> {
  const { errorCode, message } = await session.send(node, 0, setQuotaExchange(quota));
  if (errorCode !== 0) throw new Error(message || errorName(errorCode));
  const deadline = AbortSignal.timeout(IN_FORCE_WITHIN_MS);
  const backoff = new Backoff(deadline);
  while ((await producerQuota(session, node, quota.clientId)) === undefined) {
    if (deadline.aborted) throw new Error(`set, and not in force after ${IN_FORCE_WITHIN_MS / 1000} s`);
    await backoff.wait();
  }
}

function remedy({ clientId, bytesPerSecond }: ClientQuota): string {
  const what = `--entity-type clients --entity-name ${clientId} --add-config producer_byte_rate=${bytesPerSecond}`;
  return `let somebody who may do so run kafka-configs.sh --alter ${what}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
