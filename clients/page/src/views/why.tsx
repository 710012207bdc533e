/** The conversations and events behind a number. */
import type { Total } from "#stubs/kpi_service_pb.js";
import { askTogether, questionsAbout } from "../api/asking.ts";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal } from "../api/figures.ts";
import { datesOf, filterOf, instantsOf, missingDimensions } from "../api/slice.ts";
import { countText, figureText } from "../format/numbers.ts";
import { instantsText, spanText } from "../format/times.ts";
import { type FilterLabel, useFilterLabels } from "../parts/filter_names.ts";
import { Link } from "../parts/link.tsx";
import { LoadedView } from "../parts/loaded_view.tsx";
import { useLoaded } from "../parts/loading.ts";
import { fullText } from "../parts/named.tsx";
import { type Page, usePage, whyOf } from "../state/page.ts";
import { lengthOf } from "../state/period.ts";
import { cameFrom } from "../state/trail.ts";
import { DIMENSIONS, type Filters } from "../state/view.ts";
import { FILTERS } from "../texts/filters.ts";
import { WHY } from "../texts/why.ts";
import { WhyList } from "./why_list.tsx";
import { type Counted, type Part, partsOf } from "./why_parts.ts";

export function WhyView() {
  const { view, catalogue, texts } = usePage();
  const own = WHY[view.language];
  const metric = catalogue.metrics.get(view.metric);
  if (!metric) return <WhichMetric />;
  const missing = missingDimensions(metric, view.filters);
  if (missing.length === 0) return <Why metric={metric} />;
  const names = missing.map((name) => texts.dimensions[name]).join(", ");
  const kept = Object.fromEntries(
    Object.entries(view.filters).filter(([name]) => !missing.some((each) => each === name)),
  );
  return (
    <>
      <BackLink metric={metric} />
      <h1>{metric.name}</h1>
      <div class="note">
        <p>{texts.notFiltered(names)}</p>
        <Link change={{ filters: kept }}>{own.without(names)}</Link>
      </div>
    </>
  );
}

/** Nothing that can be explained was named. */
function WhichMetric() {
  const { view, catalogue } = usePage();
  const own = WHY[view.language];
  return (
    <>
      <h1>{own.which}</h1>
      <p class="help">{own.whichHelp}</p>
      {catalogue.sections.map((section) => (
        <section key={section.name}>
          <h2>{section.name}</h2>
          <ul>
            {section.metrics.map((metric) => (
              <li key={metric.id}>
                <Link change={whyOf(metric, view.at)}>{metric.name}</Link>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function BackLink({ metric }: { readonly metric: Metric }) {
  const { view, texts } = usePage();
  const last = cameFrom(view.account);
  const to = last && last.view !== "why" ? last.view : "metric";
  return (
    <p class="back">
      <Link
        change={
          last ? { ...last, language: view.language, live: view.live } : { view: to, metric: metric.id, at: undefined }
        }
      >
        <span aria-hidden="true">← </span>
        {WHY[view.language].backTo(texts.views[to])}
      </Link>
    </p>
  );
}

interface Answered {
  /** The metric's own number. */
  readonly whole: Total | undefined;
  /** How many facts each part has, in their order. */
  readonly counts: readonly Counted[];
}

const DAY_SECONDS = 86_400;
const NOTHING: Counted = { counted: 0, heldBack: 0 };

/** The range that is explained: a bucket's, or the period's. */
const rangeOf = ({ view, slice }: Page) => (view.at ? instantsOf(view.at) : datesOf(slice.span));

async function askNumbers(page: Page, metric: Metric, parts: readonly Part[], signal: AbortSignal): Promise<Answered> {
  const of = (about: Metric, filters: Filters) =>
    questionsAbout([about]).map((question) => ({
      ...question,
      range: rangeOf(page),
      timeZone: page.slice.timeZone,
      filter: filterOf(filters),
    }));
  const questions = [...of(metric, page.view.filters), ...parts.flatMap((part) => of(part.metric, part.filters))];
  const { totals } = await askTogether(page.view.account, questions, [], signal);
  const [whole, ...terms] = totals;
  const counts = terms.map(({ answers: [about] }) => ({
    counted: Number(about?.count ?? 0n),
    heldBack: Number(about?.heldBackCount ?? 0n),
  }));
  return { whole: whole?.totals[0], counts };
}

function Why({ metric }: { readonly metric: Metric }) {
  const page = usePage();
  const { view, catalogue, slice, tick } = page;
  const labelOf = useFilterLabels(view.filters);
  const parts = partsOf(metric, catalogue, view.filters);
  const place = view.term < parts.length ? view.term : 0;
  const part = parts[place];
  const loaded = useLoaded(
    JSON.stringify([slice.key, view.at, metric.id]),
    (signal) => askNumbers(page, metric, parts, signal),
    tick,
  );
  return (
    <div class="why">
      <BackLink metric={metric} />
      <WhyHeading
        metric={metric}
        total={loaded.isLoading ? undefined : loaded.value?.whole}
        isFailed={!!loaded.failure}
        labelOf={labelOf}
      />
      <LoadedView name="explained" loaded={loaded}>
        {({ counts }) => (
          <>
            {metric.figure === "rate" && <PartChoice parts={parts} counts={counts} place={place} />}
            {part && !loaded.isLoading && (
              <WhyList
                key={JSON.stringify([slice.key, view.at, part.metric.id, part.filters])}
                part={part}
                range={rangeOf(page)}
                days={view.at ? (view.at.end - view.at.start) / DAY_SECONDS : lengthOf(slice.span)}
                total={counts[place] ?? NOTHING}
              />
            )}
          </>
        )}
      </LoadedView>
    </div>
  );
}

/** Of each dimension's ids, so many stand in the heading. */
const FILTERED_MAX = 12;

function WhyHeading({
  metric,
  total,
  isFailed,
  labelOf,
}: {
  readonly metric: Metric;
  readonly total: Total | undefined;
  readonly isFailed: boolean;
  readonly labelOf: FilterLabel;
}) {
  const { view, texts, slice, zone, catalogue } = usePage();
  const { language } = view;
  const own = WHY[language];
  const figure = total && figureOfTotal(metric, total);
  const count = countText(figure?.count ?? 0, language);
  const filters = DIMENSIONS.flatMap((dimension) => {
    const ids = view.filters[dimension] ?? [];
    if (ids.length === 0) return [];
    const names = ids.slice(0, FILTERED_MAX).map((id) => fullText(labelOf(dimension, id)));
    const more = ids.length - names.length;
    if (more > 0) names.push(FILTERS[language].moreChips(countText(more, language)));
    return [`${texts.dimensions[dimension]}: ${names.join(", ")}`];
  });
  return (
    <>
      <h1 class="figure">
        <span class="number">{total || isFailed ? figureText(metric.figure, figure?.value, language) : "…"}</span>
        <Link change={{ view: "metric", metric: metric.id, at: undefined }}>{metric.name}</Link>
      </h1>
      {figure && metric.figure !== "count" && (
        <p class="help">
          {metric.figure === "duration" && own.medianOf(count)}
          {metric.figure === "stars" && own.meanOf(count)}
          {metric.figure === "rate" && own.ofBelow(countText(total.count, language), count)}
        </p>
      )}
      <p>
        <strong>
          {view.at ? instantsText(view.at.start, view.at.end, zone, language) : spanText(slice.span, language)}
        </strong>
        {" · "}
        {filters.length > 0 ? filters.map((text) => <bdi key={text}>{text} </bdi>) : own.everything}
      </p>
      <details class="help">
        <summary>{catalogue.headings?.when}</summary>
        <p>{metric.help.when}</p>
      </details>
    </>
  );
}

/** Of a rate: which facts are listed. */
function PartChoice({
  parts,
  counts,
  place,
}: {
  readonly parts: readonly Part[];
  readonly counts: readonly Counted[];
  readonly place: number;
}) {
  const { view, go } = usePage();
  const own = WHY[view.language];
  const labelOf = useFilterLabels(Object.fromEntries(parts.map((part) => ["value", part.filters.value ?? []])));
  return (
    <div class="choice wide" role="group" aria-label={own.madeOf}>
      {parts.map((part, index) => (
        <button key={index} type="button" aria-pressed={index === place} onClick={() => go({ term: index }, "replace")}>
          <strong>{countText(counts[index]?.counted ?? 0, view.language)}</strong> {part.metric.name}
          {part.filters.value && ` (${part.filters.value.map((id) => labelOf("value", id).text).join(", ")})`}
          <small>{own.places[part.place]}</small>
        </button>
      ))}
    </div>
  );
}
