/** A metric step by step: each number with the one that it is compared with, and a link to what made it. */
import type { ComponentChildren } from "preact";
import type { Series } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal, figuresOfSeries, NINE_OF_TEN } from "../api/figures.ts";
import { TABLE_ROWS_MAX } from "../charts/bucket_table.tsx";
import { countText, durationText, figureText, NOT_THERE } from "../format/numbers.ts";
import { bucketTexts } from "../format/times.ts";
import { Link } from "../parts/link.tsx";
import { usePage, whyOf } from "../state/page.ts";
import type { Instants, Language } from "../state/view.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { METRIC, type MetricTexts } from "../texts/metric.ts";
import { boundsOf, clippedBuckets } from "./metric_asked.ts";
import { ChangeText } from "./metric_change.tsx";
import type { CourseProps } from "./metric_course.tsx";

interface Column {
  readonly heading: string;
  readonly cell: (bucket: number) => string;
}

/** What is shown beside the number itself. */
function columnsOf(metric: Metric, line: Series, texts: MetricTexts, language: Language): readonly Column[] {
  const count = { heading: texts.count, cell: (bucket: number) => countText(line.counts[bucket] ?? 0n, language) };
  const most = line.percentiles.find(({ percentile }) => percentile === NINE_OF_TEN)?.values ?? [];
  const duration = (ms: number | undefined) =>
    ms === undefined || Number.isNaN(ms) ? NOT_THERE : durationText(ms, language);
  switch (metric.figure) {
    case "count":
      return [];
    case "stars":
      return [count];
    case "duration":
      return [{ heading: texts.percentile("90\u00a0%"), cell: (bucket) => duration(most[bucket]) }, count];
    case "rate":
      return [
        { ...count, heading: texts.above },
        { heading: texts.below, cell: (bucket) => countText(line.belowCounts[bucket] ?? 0n, language) },
      ];
  }
}

export function BucketsTable({ answered, series, line }: CourseProps) {
  const { view, zone } = usePage();
  const { language } = view;
  const { metric, granularity, now } = answered;
  const [own, charts] = [METRIC[language], CHARTS_TEXTS[language]];
  const names = bucketTexts(series.bucketStartSeconds.map(Number), granularity, zone, language);
  const clipped = clippedBuckets(series);
  const { values, before } = figuresOfSeries(metric, line);
  const columns = columnsOf(metric, line, own, language);
  const hasBefore = before.length > 0;
  const known = names.flatMap((_, bucket) => (boundsOf(series, bucket).start < now ? [bucket] : []));
  const headings = { count: own.count, stars: own.mean, duration: own.median, rate: own.rate };
  const rowOf = (bucket: number) => {
    const bounds = boundsOf(series, bucket);
    const mark = bounds.end > now ? charts.soFar : clipped.has(bucket) ? charts.part : "";
    const compared = hasBefore ? { number: before[bucket] } : undefined;
    return { name: names[bucket] ?? "", mark, bounds, value: values[bucket], compared, bucket };
  };
  return (
    <div class="scrolled whole" tabIndex={0} role="group" aria-label={metric.name}>
      <table class="numbers">
        <caption class="hidden">{metric.name}</caption>
        <thead>
          <tr>
            <th scope="col">{own.step}</th>
            <NumberHeading>{headings[metric.figure]}</NumberHeading>
            {columns.map(({ heading }) => (
              <NumberHeading key={heading} isExtra>
                {heading}
              </NumberHeading>
            ))}
            {hasBefore && <NumberHeading>{own.before}</NumberHeading>}
            {hasBefore && <NumberHeading>{own.change}</NumberHeading>}
          </tr>
        </thead>
        <tbody>
          {known.slice(0, TABLE_ROWS_MAX).map((bucket) => (
            <BucketRow key={bucket} {...rowOf(bucket)} metric={metric} columns={columns} />
          ))}
        </tbody>
        <WholePeriod answered={answered} columns={columns.length} hasBefore={hasBefore} />
      </table>
      {known.length > TABLE_ROWS_MAX && <p class="help">{charts.cut(TABLE_ROWS_MAX, known.length)}</p>}
    </div>
  );
}

function BucketRow({
  name,
  mark,
  bounds,
  bucket,
  value,
  compared,
  metric,
  columns,
}: {
  readonly name: string;
  /** That it is not whole; empty if it is. */
  readonly mark: string;
  readonly bounds: Instants;
  readonly bucket: number;
  readonly value: number | undefined;
  /** Absent without a compared period. */
  readonly compared: { readonly number: number | undefined } | undefined;
  readonly metric: Metric;
  readonly columns: readonly Column[];
}) {
  const { language } = usePage().view;
  return (
    <tr>
      <th scope="row">
        {name}
        {mark && <span class="help"> ({mark})</span>}
      </th>
      <td class="number">
        <Link change={whyOf(metric, bounds)} title={METRIC[language].whyThis}>
          {figureText(metric.figure, value, language)}
        </Link>
      </td>
      {columns.map(({ heading, cell }) => (
        <td key={heading} class="number extra">
          {cell(bucket)}
        </td>
      ))}
      {compared && <td class="number">{figureText(metric.figure, compared.number, language)}</td>}
      {compared && (
        <td class="number">
          <ChangeText metric={metric} value={value} before={compared.number} />
        </td>
      )}
    </tr>
  );
}

function NumberHeading({
  isExtra = false,
  children,
}: {
  readonly isExtra?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <th scope="col" class={isExtra ? "number extra" : "number"}>
      {children}
    </th>
  );
}

function WholePeriod({
  answered: { metric, total },
  columns,
  hasBefore,
}: Pick<CourseProps, "answered"> & { readonly columns: number; readonly hasBefore: boolean }) {
  const { language } = usePage().view;
  if (!total) return null;
  const { value, before } = figureOfTotal(metric, total);
  return (
    <tfoot>
      <tr>
        <th scope="row">{METRIC[language].total}</th>
        <td class="number">{figureText(metric.figure, value, language)}</td>
        {columns > 0 && <td colSpan={columns} class="extra" />}
        {hasBefore && <td class="number">{figureText(metric.figure, before, language)}</td>}
        {hasBefore && (
          <td class="number">
            <ChangeText metric={metric} value={value} before={before} />
          </td>
        )}
      </tr>
    </tfoot>
  );
}
