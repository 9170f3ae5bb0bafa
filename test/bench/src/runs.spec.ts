import type { BenchmarkResult } from './report.js';
import { ofRuns } from './runs.js';

function run(metrics: BenchmarkResult['metrics'], beyond?: readonly string[]): BenchmarkResult {
  const told = beyond === undefined ? {} : { beyond };
  return { name: 'toy', durability: 'none', settings: { tasks: 3 }, metrics, spread: {}, ...told };
}

describe('the result of several runs', () => {
  it('is the median of each figure, with its smallest and largest value', () => {
    const result = ofRuns([
      run({ seconds: 3, rss_mib: { master: 10, agent: 5 } }),
      run({ seconds: 1, rss_mib: { master: 30, agent: 6 } }),
      run({ seconds: 2, rss_mib: { master: 20 } }),
    ]);
    expect(result.metrics).toEqual({ seconds: 2, rss_mib: { master: 20 } });
    expect(result.spread).toEqual({ seconds: { min: 1, max: 3 }, 'rss_mib.master': { min: 10, max: 30 } });
    expect(result.settings).toEqual({ tasks: 3, runs: 3 });
  });

  it('hides no run that went beyond a limit', () => {
    const result = ofRuns([run({ seconds: 1 }), run({ seconds: 1 }, ['master-0: 1 turns above 100 ms'])]);
    expect(result.beyond).toEqual(['run 2: master-0: 1 turns above 100 ms']);
  });

  it('is the run itself when there was one', () => {
    const only = run({ seconds: 1 });
    expect(ofRuns([only])).toBe(only);
  });
});
