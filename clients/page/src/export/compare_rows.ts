/** Compared rows as a spreadsheet has them: a line each, and columns for each metric. Pure. */
import type { Total } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal } from "../api/figures.ts";
import type { Row as CsvRow } from "./csv.ts";

/** What a metric's number is, behind its id: nothing for a count. */
const SUFFIX = { count: "", stars: "_mean", duration: "_p50_ms", rate: "_rate" } as const;

function cellsOf(metric: Metric, total: Total | undefined): CsvRow {
  const name = metric.id + SUFFIX[metric.figure];
  const figure = total && figureOfTotal(metric, total);
  const numbers = { [name]: figure?.value, [`${name}_before`]: figure?.before };
  if (metric.figure === "count") return { ...numbers, [name]: figure?.value ?? 0 };
  if (metric.figure === "rate")
    return { ...numbers, [`${metric.id}_above`]: total?.count ?? 0, [`${metric.id}_below`]: total?.belowCount ?? 0 };
  return { ...numbers, [`${metric.id}_count`]: total?.count ?? 0 };
}

/**
 * @param by the column of the ids.
 * @param name the display name of an id; empty if it has none.
 */
export const comparedRows = (
  rows: readonly { readonly id: string; readonly totals: ReadonlyMap<string, Total> }[],
  columns: readonly Metric[],
  by: string,
  name: (id: string) => string,
): readonly CsvRow[] =>
  rows.map((row) => ({
    [by]: row.id,
    [`${by}_name`]: name(row.id),
    ...Object.assign({}, ...columns.map((metric) => cellsOf(metric, row.totals.get(metric.id)))),
  }));
