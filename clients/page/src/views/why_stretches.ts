/** Where in a period the facts are: their conversations are looked for there alone. Pure. */
import { Granularity } from "#stubs/kpi_service_pb.js";
import type { Instants } from "../state/view.ts";

/** Up to so many days, facts are located to so wide a bucket: some hundred buckets in any case. */
const WIDTHS: readonly (readonly [number, Granularity])[] = [
  [3, Granularity.QUARTER_HOUR],
  [62, Granularity.HOUR],
];

/** How closely facts are located in so many days. */
export const widthFor = (days: number): Granularity => WIDTHS.find(([most]) => days <= most)?.[1] ?? Granularity.DAY;

/** The part of a period up to which looking in stretches of it is less work than looking through all of it. */
const PART_MAX = 0.5;

/**
 * The stretches that have facts, those that touch joined into one.
 *
 * Undefined where they are so much of the period that it is looked through as a whole.
 *
 * @param starts of all buckets, in seconds since 1970.
 * @param end of the last bucket.
 * @param filled the indexes of the buckets with facts, ascending.
 */
export function stretchesOf(
  starts: readonly number[],
  end: number,
  filled: readonly number[],
): readonly Instants[] | undefined {
  const stretches: Instants[] = [];
  for (const index of filled) {
    const bucket = { start: starts[index] ?? end, end: starts[index + 1] ?? end };
    const last = stretches.at(-1);
    if (last?.end === bucket.start) stretches[stretches.length - 1] = { start: last.start, end: bucket.end };
    else stretches.push(bucket);
  }
  const length = stretches.reduce((sum, stretch) => sum + stretch.end - stretch.start, 0);
  return length > PART_MAX * (end - (starts[0] ?? end)) ? undefined : stretches;
}
