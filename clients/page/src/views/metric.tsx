/** One metric, in every way it can be looked at. */
import { useRef } from "preact/hooks";
import { Availability } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { canBeFiltered, missingDimensions } from "../api/slice.ts";
import { seriesRows, totalsRows } from "../export/answer_rows.ts";
import type { Row } from "../export/csv.ts";
import { cleanText } from "../format/labels.ts";
import { CompleteNote } from "../parts/complete_note.tsx";
import { LoadedView } from "../parts/loaded_view.tsx";
import { useLoaded } from "../parts/loading.ts";
import { EmptyNote } from "../parts/states.tsx";
import { usePage } from "../state/page.ts";
import type { ChartName } from "../state/view.ts";
import { METRIC } from "../texts/metric.ts";
import { type Answered, askMetric, chartsOf, type Look, lookOf } from "./metric_asked.ts";
import { Course } from "./metric_course.tsx";
import { Exports } from "./metric_exports.tsx";
import { MetricHead } from "./metric_head.tsx";
import { MetricHelp } from "./metric_help.tsx";
import { Percentiles } from "./metric_percentiles.tsx";
import { BucketsTable } from "./metric_table.tsx";
import { ByValue, SplitMenu } from "./metric_values.tsx";
import { Week } from "./metric_week.tsx";

export function MetricView() {
  const { view, texts, catalogue } = usePage();
  const own = METRIC[view.language];
  const metric = view.metric ? catalogue.metrics.get(view.metric) : catalogue.sections[0]?.metrics[0];
  if (!metric)
    return (
      <>
        <MetricMenu chosen={undefined} />
        <h1>{texts.views.metric}</h1>
        <p class="note" role="alert">
          {own.unknown(cleanText(view.metric))}
        </p>
      </>
    );
  return (
    <div class="one-metric">
      <div class="about-metric">
        <MetricMenu chosen={metric} />
        {canBeFiltered(metric, view.filters) ? (
          <Asked metric={metric} />
        ) : (
          <>
            <h1>{metric.name}</h1>
            <p class="note">
              {texts.notFiltered(
                missingDimensions(metric, view.filters)
                  .map((name) => texts.dimensions[name])
                  .join(", "),
              )}
            </p>
          </>
        )}
      </div>
      <MetricHelp metric={metric} />
    </div>
  );
}

function MetricMenu({ chosen }: { readonly chosen: Metric | undefined }) {
  const { view, catalogue, go } = usePage();
  return (
    <label class="menu metric-menu">
      <span>{METRIC[view.language].choose}</span>
      <select
        name="metric"
        value={chosen?.id ?? ""}
        onChange={(event) => go({ metric: event.currentTarget.value, split: "" })}
      >
        {!chosen && <option value="" />}
        {catalogue.sections.map((section) => (
          <optgroup key={section.name} label={section.name}>
            {section.metrics.map((metric) => (
              <option key={metric.id} value={metric.id}>
                {metric.name}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

function Asked({ metric }: { readonly metric: Metric }) {
  const page = usePage();
  const { view, slice, tick } = page;
  const look = lookOf(metric, view);
  const loaded = useLoaded(
    `${slice.key} ${view.granularity} ${metric.id} ${look.chart} ${look.split} ${view.language}`,
    (signal) => askMetric(page, look, signal),
    tick,
  );
  return (
    <>
      <h1>{metric.name}</h1>
      <LoadedView name="metric" loaded={loaded}>
        {(value) => (
          <>
            <MetricHead answered={value} />
            <CompleteNote seconds={Number(value.totals.completeUntil?.seconds ?? 0n)} answers={value.totals.answers} />
            <Charts look={look} answered={value} />
          </>
        )}
      </LoadedView>
    </>
  );
}

/** The chosen chart, the others to choose from, and what can be taken along. */
function Charts({ look, answered }: { readonly look: Look; readonly answered: Answered }) {
  const chart = useRef<HTMLDivElement>(null);
  const { about } = answered;
  if (about?.availability === Availability.NOT_YET_COUNTED) return null;
  const isEmpty = about?.count === 0n && about.belowCount === 0n && about.comparedCount === 0n;
  // Without opening hours nothing is counted in them: what is above says so, and no other period helps.
  if (isEmpty) return about.unscheduledWidgetIds.length > 0 ? null : <EmptyNote />;
  return (
    <section class="card shown">
      <div class="chart-bar">
        <ChartMenu look={look} />
        <SplitMenu look={look} />
        <Exports answered={answered} rows={() => rowsOf(answered)} chart={chart} />
      </div>
      <div ref={chart} class="shown-chart">
        <Chart answered={answered} />
      </div>
    </section>
  );
}

function ChartMenu({ look }: { readonly look: Look }) {
  const { view, go } = usePage();
  const own = METRIC[view.language];
  const choose = (chart: ChartName) => go({ chart });
  return (
    <div class="switch" role="group" aria-label={own.chart}>
      {chartsOf(look.metric).map((chart) => (
        <button key={chart} type="button" aria-pressed={look.chart === chart} onClick={() => choose(chart)}>
          {own.charts[chart]}
        </button>
      ))}
    </div>
  );
}

function Chart({ answered }: { readonly answered: Answered }) {
  const { chart, series, line } = answered;
  if (chart === "values") return <ByValue answered={answered} />;
  if (chart === "week") return <Week answered={answered} />;
  if (!series || !line) return <EmptyNote />;
  const props = { answered, series, line };
  if (chart === "percentiles") return <Percentiles {...props} />;
  return chart === "table" ? <BucketsTable {...props} /> : <Course {...props} />;
}

/** The numbers of the chart that is shown, for a file. */
function rowsOf({ series, grouped }: Answered): readonly Row[] {
  const [rows] = grouped;
  if (series) return seriesRows(series);
  return rows ? totalsRows(rows) : [];
}
