/** One metric's number: how much, compared with what, and what is to be known about it. */

import { NameKind } from "#stubs/display_name_pb.js";
import { Availability, type KpiAnswer, type RateTerm } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal } from "../api/figures.ts";
import { cleanText, Names } from "../format/labels.ts";
import { changeOf, countText, durationText, figureText } from "../format/numbers.ts";
import { comparedText, minuteText } from "../format/times.ts";
import { Link } from "../parts/link.tsx";
import { usePage, whyOf } from "../state/page.ts";
import { METRIC } from "../texts/metric.ts";
import type { Answered } from "./metric_asked.ts";

export function MetricHead({ answered }: { readonly answered: Answered }) {
  const { view, texts } = usePage();
  const { metric, total, about } = answered;
  const own = METRIC[view.language];
  if (about?.availability === Availability.NOT_YET_COUNTED) return <p class="note">{texts.notYetCounted}</p>;
  const { value, before } = total ? figureOfTotal(metric, total) : { value: undefined, before: undefined };
  const change = changeOf(metric, value, before, view.language);
  return (
    <>
      <p class="figure big">
        <Link class="number" change={whyOf(metric)} title={own.whyThis}>
          {figureText(metric.figure, value, view.language)}
        </Link>
        {change && (
          <span class={`change ${change.verdict}`}>
            {change.text}
            {change.verdict !== "none" && ` (${own[change.verdict]})`}
          </span>
        )}
        <ComparedWith answered={answered} before={before} />
      </p>
      <FigureOf answered={answered} />
      <Terms metric={metric} />
      {about && <Notes answered={answered} about={about} />}
    </>
  );
}

function ComparedWith({ answered, before }: { readonly answered: Answered; readonly before: number | undefined }) {
  const { view, zone } = usePage();
  const own = METRIC[view.language];
  const period = comparedText(answered.totals.comparedPeriod, zone, view.language);
  if (!period) return null;
  return (
    <span class="help">
      {before === undefined
        ? own.nothingBefore(period)
        : own.comparedWith(figureText(answered.metric.figure, before, view.language), period)}
    </span>
  );
}

/** Of how many the number is. */
function FigureOf({ answered: { metric, total } }: { readonly answered: Answered }) {
  const { language } = usePage().view;
  const own = METRIC[language];
  if (!total) return null;
  const most = total.percentiles.find(({ percentile }) => percentile === 0.9)?.value;
  switch (metric.figure) {
    case "count":
      return <p class="help">{metric.unit}</p>;
    case "stars":
      return <p class="help">{own.ofRatings(countText(total.count, language))}</p>;
    case "duration":
      return most === undefined ? null : (
        <p class="help">{own.medianOf(countText(total.count, language), durationText(most, language))}</p>
      );
    case "rate":
      return (
        <p class="help">{own.ofBelow(countText(total.count, language), countText(total.belowCount ?? 0n, language))}</p>
      );
  }
}

/** What a rate divides by what, each a link to its own view. */
function Terms({ metric }: { readonly metric: Metric }) {
  const { view } = usePage();
  const own = METRIC[view.language];
  if (!metric.terms?.above) return null;
  return (
    <p class="terms">
      <Term term={metric.terms.above} /> <span class="divided">{own.dividedBy}</span>{" "}
      {metric.terms.below.map((term, place) => (
        <span key={`${term.kpiId} ${place}`}>
          {place > 0 && " + "}
          <Term term={term} />
        </span>
      ))}
    </p>
  );
}

function Term({ term }: { readonly term: RateTerm }) {
  const { view, catalogue } = usePage();
  const metric = catalogue.metrics.get(term.kpiId);
  return (
    <>
      <Link change={{ view: "metric", metric: term.kpiId, split: "" }}>{metric?.name ?? term.kpiId}</Link>
      {term.value && ` (${METRIC[view.language].only(new Names().value(term.value, metric).text)})`}
    </>
  );
}

function Notes({ answered: { totals }, about }: { readonly answered: Answered; readonly about: KpiAnswer }) {
  const { view, texts, zone } = usePage();
  const own = METRIC[view.language];
  const names = new Names(totals.names);
  const widgets = (ids: readonly string[]) =>
    ids.map((id) => cleanText(names.of(NameKind.WIDGET, id) || id)).join(", ");
  return (
    <>
      {about.availability === Availability.NOT_ENABLED && <p class="note">{texts.notEnabled}</p>}
      {about.availability !== Availability.NOT_ENABLED && about.notEnabledWidgetIds.length > 0 && (
        <p class="help">{own.notEnabledOn(widgets(about.notEnabledWidgetIds))}</p>
      )}
      {about.knownFrom && (
        <p class="help">{texts.knownFrom(minuteText(Number(about.knownFrom.seconds), zone, view.language))}</p>
      )}
      {about.unscheduledWidgetIds.length > 0 && (
        <p class="help">{own.unscheduledOn(widgets(about.unscheduledWidgetIds))}</p>
      )}
    </>
  );
}
