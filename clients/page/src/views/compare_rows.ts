/** The rows of "compare": which columns, in which order, and what answers are as rows. Without asking or drawing. */

import type { DisplayName } from "#stubs/display_name_pb.js";
import { type KpiAnswer, OrderMeasure, type QueryTotalsResponse, type Total } from "#stubs/kpi_service_pb.js";
import type { TotalsInit } from "../api/asking.ts";
import type { Catalogue, FigureKind, Metric } from "../api/catalogue.ts";
import { figureOfTotal, MEDIAN } from "../api/figures.ts";
import { canBeFiltered, DIMENSION_OF, filterOf } from "../api/slice.ts";
import { idOfKey } from "../format/labels.ts";
import type { ComparedPeriod } from "../format/times.ts";
import type { Filters, View } from "../state/view.ts";

/** What is compared. */
export type Compared = View["by"];

/** Sorted by the rows' own names. */
export const BY_NAME = "name";

/** The columns that are shown unless the reader chooses others, as far as the catalogue has them. */
const USUAL = [
  "conversations_received",
  "live_answer_rate",
  "unanswered_live_conversations",
  "first_response_time",
  "response_time",
  "satisfaction_score",
  "messages",
];

/** How many rows can be overlaid: as many as a chart has colours that can be told apart. */
export const PICKED_MAX = 8;

/** The metrics that rows can have columns of under the filter, in the catalogue's order. */
export const comparableMetrics = (catalogue: Catalogue, by: Compared, filters: Filters): readonly Metric[] =>
  [...catalogue.metrics.values()].filter(
    (metric) => metric.dimensions.has(DIMENSION_OF[by]) && canBeFiltered(metric, filters),
  );

/** Those among them that are columns: the ones chosen, else the usual ones, else the first few. */
export function columnsOf(view: View, comparable: readonly Metric[]): readonly Metric[] {
  const named = (ids: readonly string[]) => ids.flatMap((id) => comparable.find((metric) => metric.id === id) ?? []);
  const [chosen, usual] = [named(view.columns), named(USUAL)];
  if (chosen.length > 0) return chosen;
  return usual.length > 0 ? usual : comparable.slice(0, USUAL.length);
}

/** By which column the rows are sorted; undefined for their names. */
export function sortedColumn(view: View, columns: readonly Metric[]): Metric | undefined {
  if (view.sort === BY_NAME) return undefined;
  return columns.find((metric) => metric.id === view.sort) ?? columns[0];
}

/**
 * What a click on a column's heading asks for: the largest first, then the smallest; names from A to Z first. Rows that
 * are overlaid show the same metric.
 */
export function sortedBy(view: View, sorted: string, clicked: string): Partial<View> {
  const ascending = sorted === clicked ? !view.ascending : clicked === BY_NAME;
  return { sort: clicked, ascending, ...(clicked !== BY_NAME && { metric: clicked }) };
}

const MEASURE_OF: Readonly<Record<FigureKind, OrderMeasure>> = {
  count: OrderMeasure.COUNT,
  stars: OrderMeasure.MEAN,
  duration: OrderMeasure.PERCENTILE,
  rate: OrderMeasure.RATE,
};

type Order = NonNullable<TotalsInit["orderBy"]>;

/** The order of rows as the server takes it. */
export function orderOf(metric: Metric | undefined, ascending: boolean): Order {
  if (!metric) return { measure: OrderMeasure.KEY, descending: !ascending };
  return {
    measure: MEASURE_OF[metric.figure],
    descending: !ascending,
    kpiId: metric.id,
    ...(metric.figure === "duration" && { percentile: MEDIAN }),
  };
}

/** The filter without those rows; undefined where nothing else is left. */
export function filterWithout(
  filters: Filters,
  by: Compared,
  ids: readonly string[],
): TotalsInit["filter"] | undefined {
  const left = filters[by]?.filter((id) => !ids.includes(id));
  if (left) return left.length > 0 ? filterOf({ ...filters, [by]: left }) : undefined;
  const field = { operator: "operators", group: "operatorGroups", widget: "widgets" } as const;
  return { ...filterOf(filters), [field[by]]: { noneOf: [...ids] } };
}

/** One row: an operator, say, with the answer for each metric that has one. */
export interface Row {
  readonly id: string;
  readonly totals: ReadonlyMap<string, Total>;
}

export interface Rows {
  readonly rows: readonly Row[];
  /** All others in one, if there are any. */
  readonly rest: Row | undefined;
  /** Everything that is counted, each fact once. */
  readonly whole: Row;
  readonly answers: readonly KpiAnswer[];
  readonly names: readonly DisplayName[];
  /** Since 1970. */
  readonly compared: ComparedPeriod;
  readonly completeUntil: number;
}

/** The rows of answers, in the order in which they first occur, and the rest of all of them. */
export function tableOf(answers: readonly QueryTotalsResponse[], by: Compared): Pick<Rows, "rows" | "rest"> {
  const rows = new Map<string, Map<string, Total>>();
  const rest = new Map<string, Total>();
  let isAnyLeft = false;
  for (const total of answers.flatMap((answer) => answer.totals)) {
    if (total.rest) {
      rest.set(total.kpiId, total);
      isAnyLeft ||= total.count > 0n || (total.belowCount ?? 0n) > 0n || (total.comparison?.count ?? 0n) > 0n;
      continue;
    }
    const id = idOfKey(total.key, by);
    const row = rows.get(id) ?? new Map<string, Total>();
    rows.set(id, row.set(total.kpiId, total));
  }
  return {
    rows: [...rows].map(([id, totals]) => ({ id, totals })),
    rest: isAnyLeft ? { id: "", totals: rest } : undefined,
  };
}

/** How long each row's bar is, 0 to 1: by the largest number; a mean of stars by its place from one to five. */
export function barsOf(rows: readonly Row[], metric: Metric): ReadonlyMap<string, number> {
  const numbers = rows.map((row): [string, number] => {
    const total = row.totals.get(metric.id);
    return [row.id, (total && figureOfTotal(metric, total).value) ?? 0];
  });
  const [from, to] = metric.figure === "stars" ? [1, 5] : [0, Math.max(...numbers.map(([, number]) => number), 0)];
  return new Map(numbers.map(([id, number]) => [id, to > from ? Math.max(0, (number - from) / (to - from)) : 0]));
}

/** The rows by their names, as the reader's language sorts them. */
export function inOrderOfNames(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  language: string,
  ascending: boolean,
): readonly Row[] {
  const { compare } = new Intl.Collator(language, { numeric: true });
  const sorted = rows.toSorted((one, other) => compare(nameOf(one), nameOf(other)));
  return ascending ? sorted : sorted.reverse();
}

/** The rows overlaid, with one more or one less. */
export function pickedWith(picked: readonly string[], id: string): readonly string[] {
  return picked.includes(id) ? picked.filter((other) => other !== id) : [...picked, id].slice(0, PICKED_MAX);
}
