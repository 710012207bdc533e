/** A metric by the time of the week: its 168 hours, and its seven days, so that one sees whether it was the Monday. */

import presentation from "#presentation";
import type { QueryTotalsResponse, Total, WeekCell } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { type Figure, figureOfTotal } from "../api/figures.ts";
import { BarRows } from "../charts/bar_rows.tsx";
import { type HeatCell, HeatMap } from "../charts/heat_map.tsx";
import { countText, figureText, NOT_THERE, rateText } from "../format/numbers.ts";
import { weekdayText } from "../format/times.ts";
import { Link } from "../parts/link.tsx";
import { type Day, instantOf, ordinal, plusDays, weekdayOf } from "../state/day.ts";
import { usePage, whyOf } from "../state/page.ts";
import type { Span } from "../state/period.ts";
import type { Instants, Language } from "../state/view.ts";
import { METRIC } from "../texts/metric.ts";
import type { Answered } from "./metric_asked.ts";
import { ChangeText } from "./metric_change.tsx";

const keyOf = (weekday: number | undefined, hour: number | undefined): string => `${weekday} ${hour}`;

const hours = (hour: number): string =>
  [hour, (hour + 1) % 24].map((one) => `${String(one).padStart(2, "0")}:00`).join("–");

/** Counts differ with how often an hour occurs: they are told by the hour. */
const perHourText = (number: number, language: string): string =>
  number.toLocaleString(language, { maximumSignificantDigits: number >= 100 ? 3 : 2 });

/** What is told of a cell: how many an hour; else the metric's own number. */
function heatOf(metric: Metric, { value, count }: Figure, realHours: number): number {
  if (metric.figure !== "count") return count > 0 ? (value ?? NaN) : NaN;
  return realHours > 0 ? (value ?? 0) / realHours : NaN;
}

/** In the cells of a map, which have no room for units: all in one. */
function unitOf(longest: number): (typeof UNITS)[number] {
  return (
    UNITS.find(({ milliseconds }) => longest < milliseconds * DIGITS_MAX) ??
    (UNITS[UNITS.length - 1] as (typeof UNITS)[number])
  );
}

function shortText(metric: Metric, heat: number, unit: number, language: Language): string {
  if (Number.isNaN(heat)) return "";
  switch (metric.figure) {
    case "count":
      return heat > 0 ? perHourText(heat, language) : "";
    case "duration":
      return (heat / unit).toLocaleString(language, { maximumFractionDigits: heat < 10 * unit ? 1 : 0 });
    case "rate":
      return rateText(heat, language, 0);
    case "stars":
      return heat.toLocaleString(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  }
}

/** Of a number in a cell: three digits fit. */
const DIGITS_MAX = 1000;
const UNITS = presentation.units_of_time.filter(({ milliseconds }) => milliseconds >= 1000).reverse();

interface Told {
  readonly cell: WeekCell;
  readonly heat: number;
  readonly total: Total | undefined;
}

/** Every cell of the week that has any time in the period. */
function toldCells(metric: Metric, response: QueryTotalsResponse): readonly Told[] {
  const rows = new Map(response.totals.map((total) => [keyOf(total.key?.weekday, total.key?.hourOfDay), total]));
  return (response.answers[0]?.weekCells ?? [])
    .filter((cell) => cell.hours > 0)
    .map((cell) => {
      const total = rows.get(keyOf(cell.weekday, cell.hourOfDay));
      const figure = total ? figureOfTotal(metric, total) : { value: undefined, before: undefined, count: 0 };
      return { cell, total, heat: heatOf(metric, figure, cell.hours) };
    });
}

/** Of rates and stars of which more is better, the low ones are those to look at. */
const isLowTold = (metric: Metric): boolean =>
  (metric.figure === "rate" || metric.figure === "stars") && metric.direction === 1;

/** A rate or a median of fewer stands out by chance. */
const TOLD_MIN = 5;

/** The cell to look at first; undefined where nothing was counted. */
function standingOut(metric: Metric, told: readonly Told[]): Told | undefined {
  const there = told.filter(({ heat }) => (isLowTold(metric) ? !Number.isNaN(heat) : heat > 0));
  const factsOf = ({ total }: Told) => (total ? figureOfTotal(metric, total).count : 0);
  const enough = metric.figure === "count" ? there : there.filter((one) => factsOf(one) >= TOLD_MIN);
  const sign = isLowTold(metric) ? -1 : 1;
  return [...(enough.length > 0 ? enough : there)].sort((one, other) => sign * (other.heat - one.heat))[0];
}

export function Week({ answered }: { readonly answered: Answered }) {
  const { view } = usePage();
  const { language } = view;
  const own = METRIC[language];
  const { metric, grouped } = answered;
  const [byHour, byDay] = grouped;
  if (!byHour || !byDay) return null;
  const help = { count: own.weekCounts, rate: own.weekRates, duration: own.weekMedians, stars: own.weekStars };
  return (
    <>
      <p class="help">{help[metric.figure]}</p>
      <Weekdays metric={metric} response={byDay} />
      <Hours metric={metric} response={byHour} />
    </>
  );
}

interface PartProps {
  readonly metric: Metric;
  readonly response: QueryTotalsResponse;
}

function Hours({ metric, response }: PartProps) {
  const { language } = usePage().view;
  const own = METRIC[language];
  const told = toldCells(metric, response);
  const when = ({ cell }: Told) => `${weekdayText(cell.weekday ?? 1, language, "long")} ${hours(cell.hourOfDay ?? 0)}`;
  const text = ({ heat }: Told) =>
    metric.figure === "count"
      ? `${perHourText(heat, language)} ${own.perHour.toLowerCase()}`
      : figureText(metric.figure, heat, language);
  const of = ({ total, cell }: Told) =>
    metric.figure === "count"
      ? own.inHours(countText(total?.count ?? 0n, language), countText(Math.round(cell.hours * 100) / 100, language))
      : own.of(countText(metric.figure === "rate" ? (total?.belowCount ?? 0n) : (total?.count ?? 0n), language));
  const unit = unitOf(Math.max(0, ...told.map(({ heat }) => heat || 0)));
  const cells = told.map(
    (one): HeatCell => ({
      weekday: one.cell.weekday ?? 1,
      hour: one.cell.hourOfDay ?? 0,
      heat: one.heat,
      short: shortText(metric, one.heat, unit.milliseconds, language),
      long: own.cell(when(one), Number.isNaN(one.heat) ? NOT_THERE : text(one), of(one)),
    }),
  );
  const most = standingOut(metric, told);
  return (
    <section>
      <h2>
        {own.byHour}
        {metric.figure === "duration" && ` (${unit.symbol})`}
      </h2>
      {most && <p>{(isLowTold(metric) ? own.least : own.most)(when(most), text(most), of(most))}</p>}
      <HeatMap
        cells={cells}
        isFromZero={metric.figure === "count" || metric.figure === "duration"}
        weekdayName={(weekday, width) => weekdayText(weekday, language, width)}
        caption={`${metric.name}: ${own.byHour}`}
      />
    </section>
  );
}

/** From where to where the only day of that weekday goes; undefined where the period has several of them. */
function onlyDay({ start, end }: Span, weekday: number, zone: string): Instants | undefined {
  if (ordinal(end) - ordinal(start) > 7) return undefined;
  const day = plusDays(start, (weekday - weekdayOf(start) + 7) % 7);
  const at = (from: Day) => instantOf({ day: from, secondOfDay: 0 }, zone);
  return { start: at(day), end: at(plusDays(day, 1)) };
}

function Weekdays({ metric, response }: PartProps) {
  const { view, slice, zone } = usePage();
  const { language } = view;
  const own = METRIC[language];
  const told = toldCells(metric, response);
  const isCount = metric.figure === "count";
  const named: Readonly<Record<Metric["figure"], string>> = {
    count: own.count,
    stars: own.mean,
    duration: own.median,
    rate: own.rate,
  };
  const rows = told.map(({ cell, total, heat }) => {
    const { value, before } = total
      ? figureOfTotal(metric, total)
      : { value: isCount ? 0 : undefined, before: undefined };
    const of = metric.figure === "rate" ? total?.belowCount : total?.count;
    const text = figureText(metric.figure, value, language);
    const day = onlyDay(slice.span, cell.weekday ?? 1, zone);
    return {
      key: String(cell.weekday),
      name: weekdayText(cell.weekday ?? 1, language, "long"),
      size: heat,
      cells: [
        day ? (
          <Link key="why" change={whyOf(metric, day)} title={own.whyThis}>
            {text}
          </Link>
        ) : (
          text
        ),
        isCount ? perHourText(heat, language) : countText(of ?? 0n, language),
        figureText(metric.figure, before, language),
        <ChangeText key="change" metric={metric} value={value} before={before} />,
      ],
    };
  });
  return (
    <section>
      <h2>{own.byWeekday}</h2>
      <BarRows
        caption={`${metric.name}: ${own.byWeekday}`}
        heading={own.weekday}
        columns={[
          { heading: named[metric.figure] },
          { heading: isCount ? own.perHour : metric.figure === "rate" ? own.ofHeading : own.count },
          { heading: own.before, isExtra: true },
          { heading: own.change },
        ]}
        rows={rows}
      />
    </section>
  );
}
