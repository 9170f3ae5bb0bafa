import { countIn, type AllocationEvent, type RequestId } from '@orrery/contracts';

/** Of what is asked for together nothing has a place while something of it waits, commit by commit. */
export class GangJudge {
  /** By the id of a gang: the requests of it that wait, and how many pods of each. */
  readonly #waiting = new Map<RequestId, Map<RequestId, number>>();
  readonly #gangs = new Map<RequestId, RequestId>();

  /** The other requests of its gang that wait. */
  readonly togetherWith = (request: string): readonly string[] => {
    const gang = this.#gangs.get(request as RequestId);
    return gang === undefined ? [] : [...(this.#waiting.get(gang)?.keys() ?? [])];
  };

  *hear(events: readonly AllocationEvent[]): Iterable<string> {
    const placed = new Set<RequestId>();
    const madeWayFor = new Set<RequestId>();
    const pods = new Map<RequestId, number>();
    for (const event of events) {
      if (event.type === 'RequestQueued') {
        const { request, gang, indexes } = event.data;
        if (gang === undefined) continue;
        const others = this.#waiting.get(gang.id) ?? new Map<RequestId, number>();
        this.#waiting.set(gang.id, others.set(request, countIn(indexes)));
        this.#gangs.set(request, gang.id);
      }
      if (event.type === 'PreemptionOrdered') {
        const { for: by, places } = event.data;
        const gang = this.#gangs.get(by.request);
        if (gang !== undefined) madeWayFor.add(gang);
        pods.set(
          by.request,
          places.reduce((sum, [, count]) => sum + count, pods.get(by.request) ?? 0),
        );
      }
      if (event.type !== 'Placed' && event.type !== 'RequestDropped') continue;
      const { request, indexes } = event.data;
      const gang = this.#gangs.get(request);
      if (gang === undefined) continue;
      if (event.type === 'Placed') placed.add(gang);
      const others = this.#waiting.get(gang)!;
      const left = (others.get(request) ?? 0) - countIn(indexes);
      if (left > 0) others.set(request, left);
      else others.delete(request);
    }
    for (const gang of placed) {
      const left = [...(this.#waiting.get(gang)?.keys() ?? [])];
      if (left.length > 0) yield `of gang ${gang} something was placed, and ${left.join(', ')} wait`;
    }
    for (const gang of madeWayFor)
      for (const [request, count] of this.#waiting.get(gang) ?? [])
        if (pods.get(request) !== count) yield `others make way for a part of gang ${gang}: not for all of ${request}`;
  }
}
