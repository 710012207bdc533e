/** From what is looked at to the fields that all questions share. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ComparisonSchema,
  Dimension,
  type FilterSchema,
  Granularity,
  type TimeRangeSchema,
} from "#stubs/kpi_service_pb.js";
import { type Day, isZoneKnown, localTime } from "../state/day.ts";
import { type Compared, comparedWith, lengthOf, type Span, spanOf } from "../state/period.ts";
import { kindOfText, parseValue } from "../state/value.ts";
import type { DimensionName, Filters, GranularityName, Instants, View } from "../state/view.ts";
import type { Metric } from "./catalogue.ts";

export type RangeInit = MessageInitShape<typeof TimeRangeSchema>;
export type FilterInit = MessageInitShape<typeof FilterSchema>;
export type ComparisonInit = MessageInitShape<typeof ComparisonSchema>;

export const DIMENSION_OF: Readonly<Record<DimensionName, Dimension>> = {
  operator: Dimension.OPERATOR,
  group: Dimension.OPERATOR_GROUP,
  widget: Dimension.WIDGET,
  value: Dimension.VALUE,
  topic: Dimension.TOPIC,
  question: Dimension.QUESTION,
};

export const GRANULARITY_OF: Readonly<Record<GranularityName, Granularity>> = {
  auto: Granularity.AUTO,
  "quarter-hour": Granularity.QUARTER_HOUR,
  hour: Granularity.HOUR,
  day: Granularity.DAY,
  week: Granularity.WEEK,
  month: Granularity.MONTH,
  quarter: Granularity.QUARTER,
  year: Granularity.YEAR,
};

/** Up to so many days automatic steps are so wide: enough of them to see a course, few enough to read. */
const AUTOMATIC: readonly (readonly [number, Granularity])[] = [
  [2, Granularity.HOUR],
  [92, Granularity.DAY],
  [400, Granularity.WEEK],
  [1830, Granularity.MONTH],
];

/** The width of the steps of a large chart: the one that was chosen, else by the length of the period. */
export function stepsOf(name: GranularityName, span: Span): Granularity {
  if (name !== "auto") return GRANULARITY_OF[name];
  return AUTOMATIC.find(([days]) => lengthOf(span) <= days)?.[1] ?? Granularity.YEAR;
}

export const datesOf = ({ start, end }: { start: Day; end: Day }): RangeInit => ({
  bounds: { case: "dates", value: { startDate: start, endDate: end } },
});

export const instantsOf = ({ start, end }: Instants): RangeInit => ({
  bounds: {
    case: "instants",
    value: { startTime: { seconds: BigInt(start) }, endTime: { seconds: BigInt(end) } },
  },
});

function comparisonOf(compared: Compared | undefined): ComparisonInit | undefined {
  if (compared === undefined) return undefined;
  if (compared === "previous") return { period: { case: "previousPeriod", value: true } };
  return { period: { case: "range", value: instantsOf(compared) } };
}

/** The dimensions of a filter that a metric has not, or has other values in: what it cannot be narrowed by. */
export const missingDimensions = (metric: Metric, filters: Filters): readonly DimensionName[] =>
  (Object.keys(filters) as DimensionName[]).filter(
    (name) =>
      !metric.dimensions.has(DIMENSION_OF[name]) ||
      (name === "value" && filters.value?.some((text) => kindOfText(text) !== metric.valueKind)),
  );

/** Whether a metric can be asked for under the filter: it has the dimensions, and values of that kind. */
export const canBeFiltered = (metric: Metric, filters: Filters): boolean =>
  missingDimensions(metric, filters).length === 0;

/** The filter as the calls take it; ids of a value that are none are left out. */
export function filterOf(filters: Filters): FilterInit {
  const anyOf = (ids: readonly string[] | undefined) => (ids ? { anyOf: [...ids] } : undefined);
  const [operators, groups, widgets] = [anyOf(filters.operator), anyOf(filters.group), anyOf(filters.widget)];
  const [topics, questions] = [anyOf(filters.topic), anyOf(filters.question)];
  const values = filters.value?.flatMap((text) => parseValue(text) ?? []);
  return {
    ...(operators && { operators }),
    ...(groups && { operatorGroups: groups }),
    ...(widgets && { widgets }),
    ...(topics && { topics }),
    ...(questions && { questions }),
    ...(values?.length && { values: { anyOf: values } }),
  };
}

/** What is looked at, resolved at an instant: days, range, comparison and filter. */
export interface Slice {
  readonly accountId: string;
  readonly timeZone: string;
  readonly span: Span;
  readonly range: RangeInit;
  readonly compareTo: ComparisonInit | undefined;
  readonly filter: FilterInit;
  /** Changes when any of these does: what is loaded belongs to it. */
  readonly key: string;
}

/**
 * Resolves a view.
 *
 * @param now seconds since 1970, by the server's clock.
 * @param zone the account's time zone, an IANA name.
 */
export function sliceOf(view: View, now: number, zone: string): Slice {
  const today = localTime(now, zone).day;
  const span = spanOf(view.period, today);
  // The instants of another zone's days cannot be found without knowing the zone; the server's own comparison can.
  const compared = isZoneKnown(zone) ? comparedWith(view.period, now, zone) : "previous";
  return {
    accountId: view.account,
    timeZone: zone,
    span,
    range: datesOf(span),
    compareTo: comparisonOf(compared),
    filter: filterOf(view.filters),
    key: JSON.stringify([view.account, zone, span, compared, view.filters]),
  };
}
