/** The one number that stands for a metric, out of an answer: a count, a mean of stars, a median duration, or a rate. */

import presentation from "#presentation";
import type { Percentile, PercentileSeries, Series, Total } from "#stubs/kpi_service_pb.js";
import type { Metric } from "./catalogue.ts";

/** What is asked for wherever durations are shown: the median, and the one that nine of ten are within. */
export const PERCENTILES: readonly number[] = presentation.percentiles;
export const [MEDIAN = 0.5, NINE_OF_TEN = 0.9] = PERCENTILES;

const percentileOf = (percentiles: readonly Percentile[], wanted: number): number | undefined =>
  percentiles.find(({ percentile }) => percentile === wanted)?.value;

/** The metric's number of a row, and the one of the compared period; undefined where there is none. */
export interface Figure {
  readonly value: number | undefined;
  readonly before: number | undefined;
  /** Of means, durations and rates: of how many. */
  readonly count: number;
}

/** `percentile` is which one stands for durations. */
export function figureOfTotal(metric: Metric, total: Total, percentile = MEDIAN): Figure {
  const { comparison } = total;
  const count = Number(total.count);
  switch (metric.figure) {
    case "count":
      return { value: count, before: comparison && Number(comparison.count), count };
    case "stars":
      return { value: total.mean, before: comparison?.mean, count };
    case "duration":
      return {
        value: percentileOf(total.percentiles, percentile),
        before: comparison && percentileOf(comparison.percentiles, percentile),
        count,
      };
    case "rate":
      return { value: total.rate, before: comparison?.rate, count: Number(total.belowCount ?? 0n) };
  }
}

const meansOf = (sums: readonly bigint[], counts: readonly bigint[]): number[] =>
  counts.map((count, place) => (count > 0n ? Number(sums[place] ?? 0n) / Number(count) : NaN));

const valuesOf = (lines: readonly PercentileSeries[], wanted: number): readonly number[] =>
  lines.find(({ percentile }) => percentile === wanted)?.values ?? [];

/** The same bucket by bucket, NaN where there is no number; `before` is empty without a compared period. */
export interface FigureLine {
  readonly values: readonly number[];
  readonly before: readonly number[];
}

export function figuresOfSeries(metric: Metric, series: Series, percentile = MEDIAN): FigureLine {
  const { comparison } = series;
  switch (metric.figure) {
    case "count":
      return { values: series.counts.map(Number), before: (comparison?.counts ?? []).map(Number) };
    case "stars":
      return {
        values: meansOf(series.sums, series.counts),
        before: comparison ? meansOf(comparison.sums, comparison.counts) : [],
      };
    case "duration":
      return {
        values: valuesOf(series.percentiles, percentile),
        before: valuesOf(comparison?.percentiles ?? [], percentile),
      };
    case "rate":
      return {
        values: series.rates,
        before: (comparison?.counts ?? []).map((count, place) => {
          const below = Number(comparison?.belowCounts[place] ?? 0n);
          return below > 0 ? Number(count) / below : NaN;
        }),
      };
  }
}
