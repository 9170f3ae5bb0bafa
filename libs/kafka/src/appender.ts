import { AppendInDoubt, type OutgoingMessage, type TopicPartition } from '@orrery/control-loop';
import { Backoff } from './backoff.js';
import { errorName, isNotAppended, isRefusal, LogRefusal } from './broker-errors.js';
import { BrokerAway, type ClusterSession } from './cluster-session.js';
import { produceExchange, type ProducedPartition } from './exchanges.js';
import { encodeBatch } from './record-batch.js';

/** How long an append that surely is not in the log is tried again here; afterwards its owner decides. */
const TRY_FOR_MS = 2_000;
const ACK_TIMEOUT_MS = 5_000;

/** Appends of journal records: one message a request, sent at most once, and the true offset of it. */
export class Appender {
  readonly #session: ClusterSession;
  readonly #closing: AbortSignal;

  constructor(session: ClusterSession, closing: AbortSignal) {
    this.#session = session;
    this.#closing = closing;
  }

  /**
   * A request that was sent and got no clear answer is never sent again here: only the owner of the journal knows how to settle
   * it. `BrokerAway` before anything was sent, and answers that say "not appended", are tried again for a moment.
   */
  async append(target: TopicPartition, message: OutgoingMessage): Promise<number> {
    const place = `${target.topic}-${target.partition}`;
    const backoff = new Backoff(this.#closing);
    const until = Date.now() + TRY_FOR_MS;
    for (;;) {
      const attempt = await this.#attempt(target, message);
      if ('offset' in attempt) return attempt.offset;
      if ('refusal' in attempt) throw new LogRefusal(place, attempt.refusal);
      if (attempt.sent || Date.now() > until || this.#closing.aborted) throw new AppendInDoubt(attempt.error);
      this.#session.forget(target);
      await backoff.wait();
    }
  }

  async #attempt(target: TopicPartition, message: OutgoingMessage): Promise<Attempt> {
    let sent = false;
    try {
      const leader = await this.#session.leaderOf(target);
      const batch = encodeBatch([message], Date.now());
      const exchange = produceExchange([{ ...target, batch }], ACK_TIMEOUT_MS);
      const { partitions } = await this.#session.send(leader, 1, exchange, () => (sent = true));
      return judge(partitions[0]!);
    } catch (error) {
      return { sent, error };
    }
  }
}

type Attempt =
  { readonly offset: number } | { readonly refusal: number } | { readonly sent: boolean; readonly error: unknown };

function judge({ errorCode, baseOffset }: ProducedPartition): Attempt {
  if (errorCode === 0) return { offset: baseOffset };
  if (isRefusal(errorCode)) return { refusal: errorCode };
  return { sent: !isNotAppended(errorCode), error: new BrokerAway(errorName(errorCode)) };
}
