/** Answers as the rows of a CSV, with the columns that `telwerk query` and `telwerk totals` give them. Pure. */

import { NameKind } from "#stubs/display_name_pb.js";
import { InactivityAction, Sender } from "#stubs/event_pb.js";
import {
  ConversationEnd,
  type HistogramBin,
  type Key,
  OfflineAssignment,
  type Percentile,
  type QueryTimeSeriesResponse,
  type QueryTotalsResponse,
  type Series,
  type Total,
  type Value,
} from "#stubs/kpi_service_pb.js";
import { Names } from "../format/labels.ts";
import { isoText } from "../format/times.ts";
import { textOfValue } from "../state/value.ts";
import type { Row } from "./csv.ts";

const NOBODY = "nobody";

/** The value as the terminal's tools write it. */
function valueText(value: Value): string {
  const { kind } = value;
  const text = plainText(kind);
  return text === undefined || text.startsWith("{") ? textOfValue(value) : text;
}

/** Undefined where it would not be told from another value. */
function plainText(kind: Value["kind"]): string | undefined {
  switch (kind.case) {
    case "stars":
      return String(kind.value);
    case "action":
      return InactivityAction[kind.value]?.toLowerCase();
    case "offlineAssignment":
      return OfflineAssignment[kind.value]?.toLowerCase();
    case "sender":
      return Sender[kind.value]?.toLowerCase();
    case "conversationEnd":
      return ConversationEnd[kind.value]?.toLowerCase();
    case "goalId":
      return kind.value;
    case "topics":
      return kind.value.topicIds.some((id) => id.includes(",")) ? undefined : kind.value.topicIds.join(",");
    case "answer":
      return kind.value.questionId.includes("=") ? undefined : `${kind.value.questionId}=${kind.value.optionId}`;
    case undefined:
      return undefined;
  }
}

/** The names of a value's parts, and the ids of those that have none; empty if none has one. */
function valueName({ kind }: Value, names: Names): string {
  switch (kind.case) {
    case "goalId":
      return names.of(NameKind.GOAL, kind.value);
    case "topics": {
      const found = kind.value.topicIds.map((id) => [names.of(NameKind.TOPIC, id), id] as const);
      return found.some(([name]) => name) ? found.map(([name, id]) => name || id).join(", ") : "";
    }
    case "answer": {
      const { questionId, optionId } = kind.value;
      const [question, option] = [
        names.of(NameKind.QUESTION, questionId),
        names.of(NameKind.OPTION, optionId, questionId),
      ];
      return question || option ? `${question || questionId} = ${option || optionId}` : "";
    }
    default:
      return "";
  }
}

/** What was grouped by, as columns: the ids, and behind each its name if it has one. */
function keyCells(key: Key | undefined, names: Names): Row {
  if (!key) return {};
  const cells: Record<string, Row[string]> = {};
  const put = (column: string, id: string | undefined, kind: NameKind, otherwise = "") => {
    if (id === undefined) return;
    cells[column] = id || otherwise;
    const name = names.of(kind, id);
    if (name) cells[`${column}_name`] = name;
  };
  put("operator", key.operatorId, NameKind.OPERATOR, NOBODY);
  put("operator_group", key.operatorGroupId, NameKind.OPERATOR_GROUP, NOBODY);
  put("widget", key.widgetId, NameKind.WIDGET);
  if (key.value) {
    cells.value = valueText(key.value);
    const name = valueName(key.value, names);
    if (name) cells.value_name = name;
  }
  put("topic", key.topicId, NameKind.TOPIC);
  put("question", key.questionId, NameKind.QUESTION);
  if (key.weekday !== undefined) cells.weekday = key.weekday;
  if (key.hourOfDay !== undefined) cells.hour_of_day = key.hourOfDay;
  return cells;
}

/** As columns are named: p50, p99.9. */
const percentileName = (percentile: number): string => `p${Number((percentile * 100).toPrecision(10))}`;

const percentileCells = (percentiles: readonly Percentile[], prefix = ""): Row =>
  Object.fromEntries(percentiles.map(({ percentile, value }) => [prefix + percentileName(percentile), value]));

const quotient = (above: bigint | undefined, below: bigint | undefined): number | undefined =>
  above !== undefined && below ? Number(above) / Number(below) : undefined;

/** A row for each bucket of each line, in the order of the answer. */
export function seriesRows(response: QueryTimeSeriesResponse): readonly Row[] {
  const names = new Names(response.names);
  const starts = response.bucketStartSeconds.map((seconds) => isoText(Number(seconds), response.timeZone));
  return response.series.flatMap((series) => {
    const head = { kpi: series.kpiId, ...keyCells(series.key, names), ...(series.rest && { rest: true }) };
    return starts.map((start, place) => ({ ...head, start, ...bucketCells(series, place) }));
  });
}

function bucketCells(series: Series, place: number): Row {
  const { counts, sums, belowCounts, rates, percentiles, comparison } = series;
  return {
    count: counts[place],
    ...(belowCounts.length > 0 && { below_count: belowCounts[place], rate: rates[place] }),
    sum: sums[place],
    mean: quotient(sums[place], counts[place]),
    ...Object.fromEntries(percentiles.map(({ percentile, values }) => [percentileName(percentile), values[place]])),
    ...(comparison && comparedCells(comparison, place)),
  };
}

function comparedCells(comparison: NonNullable<Series["comparison"]>, place: number): Row {
  return {
    compared_count: comparison.counts[place],
    compared_sum: comparison.sums[place],
    count_delta: comparison.countDeltas[place],
    count_change: comparison.countChanges[place],
    mean_delta: comparison.meanDeltas[place],
    ...(comparison.belowCounts.length > 0 && {
      compared_below_count: comparison.belowCounts[place],
      rate_delta: comparison.rateDeltas[place],
    }),
  };
}

/** Whether there are means, of which this row may have none. */
const hasSum = ({ mean, distribution }: Total): boolean =>
  mean !== undefined || distribution.some(({ value }) => value?.kind.case === "stars");

/** A row for each total, in the order of the answer. */
export function totalsRows(response: QueryTotalsResponse): readonly Row[] {
  const names = new Names(response.names);
  return response.totals.map((total) => ({
    kpi: total.kpiId,
    ...keyCells(total.key, names),
    ...(total.rest && { rest: true }),
    count: total.count,
    sum: hasSum(total) ? total.sum : undefined,
    mean: total.mean,
    share: total.share,
    ...(total.belowCount !== undefined && { below_count: total.belowCount, rate: total.rate }),
    ...(total.hours !== undefined && { hours: total.hours }),
    ...percentileCells(total.percentiles),
    ...(total.comparison && comparedTotalCells(total.comparison)),
  }));
}

function comparedTotalCells(compared: NonNullable<Total["comparison"]>): Row {
  const isRate = compared.belowCount !== undefined;
  return {
    compared_count: compared.count,
    compared_sum: compared.sum,
    compared_mean: compared.mean,
    count_delta: compared.countDelta,
    count_change: compared.countChange,
    mean_delta: compared.meanDelta,
    ...(isRate && { compared_below_count: compared.belowCount, compared_rate: compared.rate }),
    ...(compared.hours !== undefined && { compared_hours: compared.hours }),
    ...(isRate && { rate_delta: compared.rateDelta }),
    ...percentileCells(compared.percentiles, "compared_"),
  };
}

/** A row for each length of durations. */
export const histogramRows = (kpi: string, bins: readonly HistogramBin[]): readonly Row[] =>
  bins.map(({ lower, upper, count }) => ({ kpi, lower_ms: lower, upper_ms: upper, count }));
