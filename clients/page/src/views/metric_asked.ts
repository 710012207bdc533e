/** What one metric's view asks, and what it was answered. */
import {
  Dimension,
  type Granularity,
  type KpiAnswer,
  type QueryTimeSeriesResponse,
  type QueryTotalsResponse,
  type Series,
  type Total,
} from "#stubs/kpi_service_pb.js";
import { askTogether, type TotalsInit } from "../api/asking.ts";
import type { Metric } from "../api/catalogue.ts";
import { serverNow } from "../api/clock.ts";
import { type ComparisonInit, DIMENSION_OF, type FilterInit, type RangeInit, stepsOf } from "../api/slice.ts";
import type { Page } from "../state/page.ts";
import { CHARTS, type ChartName, SPLITS, type SplitName, type View } from "../state/view.ts";

/** How the metric is looked at. */
export interface Look {
  readonly metric: Metric;
  readonly chart: ChartName;
  readonly split: SplitName;
}

export interface Answered extends Look {
  readonly totals: QueryTotalsResponse;
  readonly total: Total | undefined;
  readonly about: KpiAnswer | undefined;
  /** Over time; absent where the chart is not. */
  readonly series: QueryTimeSeriesResponse | undefined;
  readonly line: Series | undefined;
  readonly granularity: Granularity;
  /** Values: their rows. The week: its cells, and its days. */
  readonly grouped: readonly QueryTotalsResponse[];
  /** When it was asked, by the server's clock, in seconds. */
  readonly now: number;
}

/** Of durations. */
export const SHOWN_PERCENTILES = [0.5, 0.75, 0.9, 0.95] as const;
const ROWS_MAX = 50;

/** What the metric's values can be split by; single topics before sets of them. */
export const splitsOf = (metric: Metric): readonly SplitName[] => {
  const has = SPLITS.filter((split) => metric.dimensions.has(DIMENSION_OF[split]));
  return has.includes("topic") ? [...has].reverse() : has;
};

/** The charts that the metric has. */
export const chartsOf = (metric: Metric): readonly ChartName[] =>
  CHARTS.filter((chart) => {
    if (chart === "values") return splitsOf(metric).length > 0;
    return chart !== "percentiles" || metric.figure === "duration";
  });

/** What the view asks to look at, as far as the metric has it; else its line. */
export function lookOf(metric: Metric, view: Pick<View, "chart" | "split">): Look {
  const splits = splitsOf(metric);
  return {
    metric,
    chart: chartsOf(metric).includes(view.chart) ? view.chart : "line",
    split: splits.find((split) => split === view.split) ?? splits[0] ?? "value",
  };
}

const isOverTime = (chart: ChartName): boolean => chart !== "values" && chart !== "week";

/** What all questions have in common. */
interface Shared {
  readonly kpiIds: string[];
  readonly range: RangeInit;
  readonly timeZone: string;
  readonly filter: FilterInit;
  readonly percentiles?: number[];
  readonly compareTo?: ComparisonInit;
}

function groupedQuestions({ metric, chart, split }: Look, shared: Shared): readonly TotalsInit[] {
  if (chart === "week")
    return [
      { ...shared, groupBy: [Dimension.WEEKDAY, Dimension.HOUR_OF_DAY] },
      { ...shared, groupBy: [Dimension.WEEKDAY] },
    ];
  if (chart !== "values") return [];
  // Values that are known beforehand come in the catalogue's order, and are few.
  const isKnown = split === "value" && metric.values.length > 0;
  return [
    {
      ...shared,
      groupBy: [DIMENSION_OF[split]],
      includeNames: true,
      ...(!isKnown && { top: { count: ROWS_MAX, includeRest: true } }),
    },
  ];
}

/** Asks all of it at once, so that the numbers are of one moment. */
export async function askMetric({ view, slice }: Page, look: Look, signal: AbortSignal): Promise<Answered> {
  const { metric, chart } = look;
  const isDuration = metric.figure === "duration";
  const shared: Shared = {
    kpiIds: [metric.id],
    range: slice.range,
    timeZone: slice.timeZone,
    filter: slice.filter,
    ...(isDuration && { percentiles: [...SHOWN_PERCENTILES] }),
    ...(slice.compareTo && { compareTo: slice.compareTo }),
  };
  const granularity = stepsOf(view.granularity, slice.span);
  const whole = {
    ...shared,
    includeNames: true,
    ...(isDuration && chart === "percentiles" && { includeHistogram: true }),
  };
  const {
    totals: [totals, ...grouped],
    series: [series],
  } = await askTogether(
    view.account,
    [whole, ...groupedQuestions(look, shared)],
    isOverTime(chart) ? [{ ...shared, granularity }] : [],
    signal,
  );
  if (!totals) throw new Error("the server left an answer out");
  return {
    ...look,
    totals,
    total: totals.totals[0],
    about: totals.answers[0],
    series,
    line: series?.series[0],
    granularity,
    grouped,
    now: serverNow(),
  };
}

/** From where to where a bucket goes, in seconds. */
export function boundsOf(
  series: QueryTimeSeriesResponse,
  bucket: number,
): { readonly start: number; readonly end: number } {
  const { bucketStartSeconds: starts, endSeconds } = series;
  return { start: Number(starts[bucket] ?? 0n), end: Number(starts[bucket + 1] ?? endSeconds) };
}

/** The buckets that the period cuts off, by index. */
export function clippedBuckets(series: QueryTimeSeriesResponse): ReadonlySet<number> {
  const last = series.bucketStartSeconds.length - 1;
  return new Set([...(series.firstBucketClipped ? [0] : []), ...(series.lastBucketClipped ? [last] : [])]);
}
