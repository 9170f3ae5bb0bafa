import { Picks, type Found, type Session, type Wish } from '@orrery/scheduling';
import type { AdoptingRow } from './adoption.js';

/** How a wish of a request is placed: by the session, or by somebody who watches it. */
export type Look = (
  session: Session,
  row: AdoptingRow,
  wish: Wish,
  count: number,
  among: readonly number[] | undefined,
) => Found;

export const placeInSession: Look = (session, _row, wish, count, among) => session.place(wish, count, among);

export const NOTHING_FOUND: Found = { picks: new Picks(), filters: () => [] };
