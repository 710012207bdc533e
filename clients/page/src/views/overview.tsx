/** Every metric with its number, how it changed, and its course; by the catalogue's sections. */
import { useMemo } from "preact/hooks";
import { Availability, type Granularity, type KpiAnswer, type Series, type Total } from "#stubs/kpi_service_pb.js";
import { askTogether, questionsAbout } from "../api/asking.ts";
import type { Metric } from "../api/catalogue.ts";
import { serverNow } from "../api/clock.ts";
import { figureOfTotal, figuresOfSeries, NINE_OF_TEN } from "../api/figures.ts";
import { canBeFiltered, missingDimensions, stepsOf } from "../api/slice.ts";
import { TimeChart } from "../charts/time_chart.tsx";
import { totalsRows } from "../export/answer_rows.ts";
import { CsvButton } from "../export/buttons.tsx";
import type { Row } from "../export/csv.ts";
import { changeOf, countText, durationText, figureText } from "../format/numbers.ts";
import { type ComparedPeriod, minuteText } from "../format/times.ts";
import { CompleteNote } from "../parts/complete_note.tsx";
import { Link } from "../parts/link.tsx";
import { LoadedView } from "../parts/loaded_view.tsx";
import { useLoaded } from "../parts/loading.ts";
import { Settled } from "../parts/settled.tsx";
import { EmptyNote } from "../parts/states.tsx";
import { isoOf, plusDays } from "../state/day.ts";
import { type Page, usePage, whyOf } from "../state/page.ts";
import { OVERVIEW } from "../texts/overview.ts";

interface Answered {
  readonly totals: ReadonlyMap<string, Total>;
  readonly answers: ReadonlyMap<string, KpiAnswer>;
  readonly series: ReadonlyMap<string, Series>;
  readonly starts: readonly number[];
  readonly granularity: Granularity;
  /** When it was asked, by the server's clock, in seconds. */
  readonly now: number;
  readonly completeUntil: number;
  readonly compared: ComparedPeriod;
  /** Whether there is anything to compare with: beside nothing, every number is a rise. */
  readonly hasBefore: boolean;
  readonly rows: () => readonly Row[];
}

async function askOverview({ view, slice }: Page, metrics: readonly Metric[], signal: AbortSignal): Promise<Answered> {
  const questions = questionsAbout(metrics).map((question) => ({
    ...question,
    range: slice.range,
    timeZone: slice.timeZone,
    filter: slice.filter,
    ...(slice.compareTo && { compareTo: slice.compareTo }),
  }));
  const granularity = stepsOf(view.granularity, slice.span);
  const overTime = questions.map((question) => ({ ...question, granularity }));
  const { totals, series } = await askTogether(view.account, questions, overTime, signal);
  return {
    totals: new Map(totals.flatMap((answer) => answer.totals.map((total) => [total.kpiId, total]))),
    answers: new Map(totals.flatMap((answer) => answer.answers.map((about) => [about.kpiId, about]))),
    series: new Map(series.flatMap((answer) => answer.series.map((line) => [line.kpiId, line]))),
    starts: (series[0]?.bucketStartSeconds ?? []).map(Number),
    granularity,
    now: serverNow(),
    rows: () => totals.flatMap(totalsRows),
    completeUntil: Number(totals[0]?.completeUntil?.seconds ?? 0n),
    compared: totals[0]?.comparedPeriod,
    hasBefore: totals.some((answer) => answer.totals.some(({ comparison }) => (comparison?.count ?? 0n) > 0n)),
  };
}

export function OverviewView() {
  const page = usePage();
  const { view, catalogue, slice, tick } = page;
  const metrics = [...catalogue.metrics.values()].filter((metric) => canBeFiltered(metric, view.filters));
  const loaded = useLoaded(
    `${slice.key} ${view.granularity} ${metrics.map((metric) => metric.id)}`,
    (signal) => askOverview(page, metrics, signal),
    tick,
  );
  return (
    <LoadedView name="overview" loaded={loaded}>
      {(value) => (
        <Settled isLoading={loaded.isLoading}>
          <Sections answered={value} />
        </Settled>
      )}
    </LoadedView>
  );
}

function Sections({ answered }: { readonly answered: Answered }) {
  const { view, slice, catalogue } = usePage();
  const answers = [...answered.answers.values()];
  const isNothing = answers.every((answer) => answer.count === 0n && answer.belowCount === 0n);
  const days = [isoOf(slice.span.start), isoOf(plusDays(slice.span.end, -1))];
  return (
    <>
      <Tally answered={answered} />
      <div class="above">
        <CompleteNote seconds={answered.completeUntil} answers={answers} compared={answered.compared} />
        <CsvButton rows={answered.rows} name={["telwerk", view.account, ...days]} language={view.language} />
      </div>
      {isNothing && <EmptyNote />}
      {catalogue.sections.map((section) => (
        <section key={section.name} class={isNothing ? "nothing" : undefined}>
          <h2>{section.name}</h2>
          <div class="cards">
            {section.metrics.map((metric) => (
              <Card key={metric.id} metric={metric} answered={answered} />
            ))}
          </div>
        </section>
      ))}
    </>
  );
}

/** How many numbers are better than before, and how many worse: of those of which one of the two can be said. */
function Tally({ answered }: { readonly answered: Answered }) {
  const { view, catalogue } = usePage();
  const own = OVERVIEW[view.language];
  if (!answered.hasBefore) return answered.compared ? <p class="help">{own.nothingBefore}</p> : null;
  const verdicts = [...catalogue.metrics.values()].map((metric) => {
    const total = answered.totals.get(metric.id);
    const figure = total && figureOfTotal(metric, total);
    return figure && changeOf(metric, figure.value, figure.before, view.language)?.verdict;
  });
  const of = (wanted: "better" | "worse") => verdicts.filter((verdict) => verdict === wanted).length;
  if (of("better") + of("worse") === 0) return null;
  return (
    <p class="tally">
      {(["better", "worse"] as const).map((verdict) => (
        <span key={verdict} class={`pill ${verdict}`}>
          <strong>{countText(of(verdict), view.language)}</strong> {own[verdict]}
        </span>
      ))}
    </p>
  );
}

function Card({ metric, answered }: { readonly metric: Metric; readonly answered: Answered }) {
  const { view } = usePage();
  return (
    <article class="card" data-metric={metric.id}>
      <h3>
        <Link change={{ view: "metric", metric: metric.id }}>{metric.name}</Link>
      </h3>
      <CardBody metric={metric} answered={answered} key={view.language} />
    </article>
  );
}

function CardBody({ metric, answered }: { readonly metric: Metric; readonly answered: Answered }) {
  const { view, texts, zone } = usePage();
  const { language } = view;
  const own = OVERVIEW[language];
  const missing = missingDimensions(metric, view.filters);
  if (missing.length > 0)
    return <p class="help">{texts.notFiltered(missing.map((name) => texts.dimensions[name]).join(", "))}</p>;
  const [total, answer] = [answered.totals.get(metric.id), answered.answers.get(metric.id)];
  if (answer?.availability === Availability.NOT_YET_COUNTED) return <p class="help">{texts.notYetCounted}</p>;
  if (!total) return <p class="figure">{figureText(metric.figure, undefined, language)}</p>;
  if (answer && answer.unscheduledWidgetIds.length > 0 && total.count === 0n)
    return <p class="help">{own.noOpeningHours}</p>;
  const { value, count, before: wasBefore } = figureOfTotal(metric, total);
  const before = answered.hasBefore ? wasBefore : undefined;
  const change = changeOf(metric, value, before, language);
  const most = total.percentiles.find(({ percentile }) => percentile === NINE_OF_TEN)?.value;
  const line = answered.series.get(metric.id);
  const text = figureText(metric.figure, value, language);
  return (
    <>
      <p class="figure">
        <Link class="number" change={whyOf(metric)} title={own.whyThis}>
          {text}
        </Link>
        {change && (
          <span class={`change ${change.verdict}`}>
            {change.text}
            {change.verdict !== "none" && <span class="hidden"> {own[change.verdict]}</span>}
          </span>
        )}
      </p>
      <p class="help">
        {metric.figure === "duration" &&
          (most === undefined ? own.median : own.medianAndMost(durationText(most, language)))}
        {metric.figure === "stars" && own.ofRatings(countText(count, language))}
        {metric.figure === "rate" && own.ofBelow(countText(total.count, language), countText(count, language))}
        {metric.figure === "count" && before !== undefined && own.before(countText(before, language))}
      </p>
      {answer?.availability === Availability.NOT_ENABLED && <p class="help">{texts.notEnabled}</p>}
      {answer?.knownFrom && (
        <p class="help">{texts.knownFrom(minuteText(Number(answer.knownFrom.seconds), zone, language))}</p>
      )}
      {line && <CardChart metric={metric} answered={answered} line={line} text={text} />}
    </>
  );
}

function CardChart({
  metric,
  answered,
  line,
  text,
}: {
  readonly metric: Metric;
  readonly answered: Answered;
  readonly line: Series;
  readonly text: string;
}) {
  const { view, zone } = usePage();
  const { language } = view;
  // The same lines as long as the answer is the same: a card that only waits for the next one is not drawn anew.
  const lines = useMemo(() => {
    const { values, before } = figuresOfSeries(metric, line);
    const ofBefore = { label: OVERVIEW[language].before(""), values: before, isBefore: true };
    return [{ label: metric.name, values }, ...(answered.hasBefore ? [ofBefore] : [])];
  }, [metric, line, language, answered.hasBefore]);
  return (
    <TimeChart
      isSmall
      lines={lines}
      starts={answered.starts}
      granularity={answered.granularity}
      knownUntil={answered.now}
      figure={metric.figure}
      kind="line"
      zone={zone}
      language={language}
      height={56}
      label={`${metric.name}: ${text}`}
    />
  );
}
