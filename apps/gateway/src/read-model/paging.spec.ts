import { merged, pageOfEntries, type Keyed } from './paging.js';
import { pageOf } from '../http/parameters.js';

const entries = (...keys: string[]): Keyed<string>[] => keys.map((key) => [key, key]);
const json = (name: string) => ({ name });

describe('a page', () => {
  it('is followed by the next one until there is none', () => {
    const all = entries('a', 'b', 'c', 'd', 'e');
    const names: object[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = pageOfEntries(all, pageOf({ limit: '2', ...(cursor === undefined ? {} : { cursor }) }), json);
      names.push(...page.items);
      cursor = page.next ?? undefined;
      pages += 1;
    } while (cursor !== undefined);
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e'].map(json));
    expect(pages).toBe(3);
  });

  it('that is exactly full is the last one', () => {
    expect(pageOfEntries(entries('a', 'b'), { limit: 2 }, json).next).toBeNull();
    expect(pageOfEntries(entries(), { limit: 2 }, json)).toEqual({ items: [], next: null });
  });

  it('goes on where its item is gone', () => {
    expect(pageOfEntries(entries('a', 'c'), { limit: 2, after: 'b' }, json).items).toEqual([{ name: 'c' }]);
  });

  it('goes through several cells in one order', () => {
    const cells = [entries('a', 'd'), entries(), entries('b', 'c', 'e')];
    expect([...merged(cells)].map(([key]) => key)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
