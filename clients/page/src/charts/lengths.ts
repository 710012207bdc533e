/** How many durations there are of each length, in steps that people think in. Pure. */

/** Where steps begin, in milliseconds: about twice as long each time. */
const EDGES: readonly number[] = [
  0,
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1_000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 4, 8, 12].map((hours) => hours * 3_600_000),
  ...[1, 2, 4, 7, 14, 30].map((days) => days * 86_400_000),
];

export interface Length {
  readonly from: number;
  /** Undefined: however long. */
  readonly to: number | undefined;
  readonly count: number;
  /** The part of all that is at most so long, 0 to 1. */
  readonly upTo: number;
}

/** From the shortest step that has any to the longest. A bin of the server, a per cent wide, belongs where it begins. */
export function lengthsOf(bins: readonly { readonly lower: number; readonly count: bigint }[]): readonly Length[] {
  const counts = EDGES.map(() => 0);
  for (const { lower, count } of bins) {
    const place = EDGES.findLastIndex((edge) => edge <= lower);
    counts[place] = (counts[place] ?? 0) + Number(count);
  }
  const all = counts.reduce((sum, count) => sum + count, 0);
  const [first, last] = [counts.findIndex((count) => count > 0), counts.findLastIndex((count) => count > 0)];
  let sum = 0;
  return counts
    .map((count, place) => {
      sum += count;
      return { from: EDGES[place] ?? 0, to: EDGES[place + 1], count, upTo: all > 0 ? sum / all : 0 };
    })
    .slice(Math.max(0, first), last + 1);
}
