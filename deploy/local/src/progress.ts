/** Tells a person what is going on: one line a long step, on stderr. */
export interface Progress {
  say(line: string): void;
  /** Says that a step began and, when it took more than a second, how long it took. */
  during<T>(step: string, work: () => Promise<T>): Promise<T>;
}

export function progressTo(write: (line: string) => void): Progress {
  return {
    say: write,
    async during(step, work) {
      write(`${step} …`);
      const begun = performance.now();
      const result = await work();
      const tookMs = performance.now() - begun;
      if (tookMs > 1000) write(`${step}: done in ${(tookMs / 1000).toFixed(1)} s`);
      return result;
    },
  };
}
