/** The rows that were ticked, laid over each other in one chart, with the same numbers as a table. */
import { useRef } from "preact/hooks";
import type { Granularity, QueryTimeSeriesResponse } from "#stubs/kpi_service_pb.js";
import { askTogether, questionsAbout } from "../api/asking.ts";
import type { Metric } from "../api/catalogue.ts";
import { serverNow } from "../api/clock.ts";
import { figuresOfSeries } from "../api/figures.ts";
import { DIMENSION_OF, filterOf, stepsOf } from "../api/slice.ts";
import { type Line, TimeChart } from "../charts/time_chart.tsx";
import { seriesRows } from "../export/answer_rows.ts";
import { idOfKey, type Label } from "../format/labels.ts";
import { LoadedView } from "../parts/loaded_view.tsx";
import { useLoaded } from "../parts/loading.ts";
import { fullText } from "../parts/named.tsx";
import { Settled } from "../parts/settled.tsx";
import { usePage, whyOf } from "../state/page.ts";
import { COMPARE } from "../texts/compare.ts";
import { CompareExports } from "./compare_exports.tsx";
import { PICKED_MAX } from "./compare_rows.ts";

interface ChartProps {
  readonly comparable: readonly Metric[];
  /** What is shown unless another metric is chosen. */
  readonly sorted: Metric | undefined;
  readonly labelOf: (id: string) => Label;
}

export function CompareChart({ comparable, sorted, labelOf }: ChartProps) {
  const { view, slice, tick, go } = usePage();
  const own = COMPARE[view.language];
  const metric = comparable.find((each) => each.id === view.metric) ?? sorted;
  const { by } = view;
  // An address may name more.
  const picked = view.picked.slice(0, PICKED_MAX);
  const isShown = metric !== undefined && picked.length > 0;
  const loaded = useLoaded(
    isShown ? JSON.stringify([slice.key, by, picked, metric.id, view.granularity]) : undefined,
    async (signal) => {
      if (!metric) throw new Error("there is no metric");
      const questions = questionsAbout([metric]).map((question) => ({
        ...question,
        range: slice.range,
        timeZone: slice.timeZone,
        granularity: stepsOf(view.granularity, slice.span),
        filter: filterOf({ ...view.filters, [by]: picked }),
        groupBy: [DIMENSION_OF[by]],
        includeNames: true,
      }));
      const { series } = await askTogether(view.account, [], questions, signal);
      if (!series[0]) throw new Error("the server left an answer out");
      return {
        series: series[0],
        metric,
        picked,
        granularity: stepsOf(view.granularity, slice.span),
        now: serverNow(),
      };
    },
    tick,
  );
  if (!isShown) return null;
  return (
    <section class="card overlay">
      <div class="controls">
        <h2>
          {own.overlaid}
          {/* The legend names lines only where there are several. */}
          {picked.length === 1 && (
            <>
              : <bdi>{fullText(labelOf(picked[0] ?? ""))}</bdi>
            </>
          )}
        </h2>
        <MetricMenu comparable={comparable} metric={metric} />
        <button type="button" onClick={() => go({ picked: [] }, "replace")}>
          {own.clearOverlay}
        </button>
      </div>
      <LoadedView name="overlaid" loaded={loaded}>
        {(value) => (
          <Settled isLoading={loaded.isLoading}>
            <Overlaid {...value} labelOf={labelOf} />
          </Settled>
        )}
      </LoadedView>
    </section>
  );
}

function MetricMenu({ comparable, metric }: { readonly comparable: readonly Metric[]; readonly metric: Metric }) {
  const { view, catalogue, go } = usePage();
  return (
    <label class="menu">
      <span>{COMPARE[view.language].overlaidMetric}</span>
      <select
        name="metric"
        value={metric.id}
        onChange={(event) => go({ metric: event.currentTarget.value }, "replace")}
      >
        {catalogue.sections.map((section) => (
          <optgroup key={section.name} label={section.name}>
            {section.metrics
              .filter((each) => comparable.includes(each))
              .map((each) => (
                <option key={each.id} value={each.id}>
                  {each.name}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

interface OverlaidProps {
  readonly series: QueryTimeSeriesResponse;
  readonly metric: Metric;
  readonly picked: readonly string[];
  readonly granularity: Granularity;
  /** When it was asked, by the server's clock, in seconds. */
  readonly now: number;
  readonly labelOf: (id: string) => Label;
}

function Overlaid({ series, metric, picked, granularity, now, labelOf }: OverlaidProps) {
  const { view, zone } = usePage();
  const chart = useRef<HTMLDivElement>(null);
  const own = COMPARE[view.language];
  const starts = series.bucketStartSeconds.map(Number);
  const lines = picked.map((id): Line & { readonly id: string } => {
    const found = series.series.find((each) => idOfKey(each.key, view.by) === id);
    return { id, label: fullText(labelOf(id)), values: found ? figuresOfSeries(metric, found).values : [] };
  });
  const missing = lines.filter((line) => line.values.length === 0);
  const end = Number(series.endSeconds);
  return (
    <>
      <div ref={chart}>
        <TimeChart
          lines={lines}
          starts={starts}
          end={end}
          knownUntil={now}
          granularity={granularity}
          figure={metric.figure}
          kind="line"
          zone={zone}
          language={view.language}
          height={280}
          label={own.overTime(metric.name, lines.map((line) => line.label).join(", "))}
          why={(bucket, line) =>
            whyOf(
              metric,
              { start: starts[bucket] ?? 0, end: starts[bucket + 1] ?? end },
              { ...view.filters, [view.by]: [lines[line]?.id ?? ""] },
            )
          }
        />
      </div>
      {missing.length > 0 && (
        <p class="help">
          {missing.map((line) => line.label).join(", ")} ({own.noNumbers})
        </p>
      )}
      <CompareExports title={metric.name} part={metric.id} rows={() => seriesRows(series)} chart={chart} />
    </>
  );
}
