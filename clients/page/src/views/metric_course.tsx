/** A metric over time: as a line, as bars, as its percentiles, or step by step in a table. */
import { useMemo } from "preact/hooks";
import type { QueryTimeSeriesResponse, Series } from "#stubs/kpi_service_pb.js";
import { figuresOfSeries } from "../api/figures.ts";
import { type Line, TimeChart } from "../charts/time_chart.tsx";
import { rateText } from "../format/numbers.ts";
import { usePage, whyOf } from "../state/page.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { METRIC } from "../texts/metric.ts";
import { type Answered, boundsOf, clippedBuckets, SHOWN_PERCENTILES } from "./metric_asked.ts";

const HEIGHT = 320;

/** The answer's buckets as a chart takes them. */
function useBuckets(series: QueryTimeSeriesResponse) {
  return useMemo(
    () => ({
      starts: series.bucketStartSeconds.map(Number),
      end: Number(series.endSeconds),
      beforeStarts: (series.comparedPeriod?.bucketStartSeconds ?? []).map(Number),
      partial: clippedBuckets(series),
    }),
    [series],
  );
}

/** The line, or the bars, with the compared period dashed. */
export function Course({ answered, series, line }: CourseProps) {
  const { view } = usePage();
  const lines = useMemo((): readonly Line[] => {
    const { values, before } = figuresOfSeries(answered.metric, line);
    const compared = { label: CHARTS_TEXTS[view.language].before, values: before, isBefore: true };
    return [{ label: answered.metric.name, values }, ...(before.length > 0 ? [compared] : [])];
  }, [line, answered.metric, view.language]);
  return (
    <OverTime answered={answered} series={series} lines={lines} kind={answered.chart === "bar" ? "bar" : "line"} />
  );
}

/** How long half of them, three quarters, and so on took at most. */
export function PercentileCourse({ answered, series, line }: CourseProps) {
  const { view } = usePage();
  const own = METRIC[view.language];
  const lines = useMemo(
    (): readonly Line[] =>
      SHOWN_PERCENTILES.map((percentile) => ({
        label: own.percentile(rateText(percentile, view.language, 0)),
        values: figuresOfSeries(answered.metric, line, percentile).values,
      })),
    [line, answered.metric, own],
  );
  return (
    <>
      <p class="help">{own.percentilesHelp}</p>
      <OverTime answered={answered} series={series} lines={lines} kind="line" />
    </>
  );
}

export interface CourseProps {
  readonly answered: Answered;
  readonly series: QueryTimeSeriesResponse;
  readonly line: Series;
}

function OverTime({
  answered: { metric, granularity, now },
  series,
  lines,
  kind,
}: Omit<CourseProps, "line"> & { readonly lines: readonly Line[]; readonly kind: "line" | "bar" }) {
  const { view, zone } = usePage();
  const buckets = useBuckets(series);
  const isPartial = buckets.partial.size > 0 || buckets.end > now;
  return (
    <>
      <TimeChart
        {...buckets}
        lines={lines}
        granularity={granularity}
        figure={metric.figure}
        kind={kind}
        zone={zone}
        language={view.language}
        height={HEIGHT}
        knownUntil={now}
        label={metric.name}
        why={(bucket) => whyOf(metric, boundsOf(series, bucket))}
      />
      {isPartial && <p class="help">{METRIC[view.language].clipped}</p>}
    </>
  );
}
