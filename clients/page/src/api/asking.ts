/** Questions in one call, so that all numbers of a view are of one moment. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type {
  QueryTimeSeriesRequestSchema,
  QueryTimeSeriesResponse,
  QueryTotalsRequestSchema,
  QueryTotalsResponse,
} from "#stubs/kpi_service_pb.js";
import type { Metric } from "./catalogue.ts";
import { kpis } from "./clients.ts";
import { PERCENTILES } from "./figures.ts";

export type TotalsInit = MessageInitShape<typeof QueryTotalsRequestSchema>;
export type SeriesInit = MessageInitShape<typeof QueryTimeSeriesRequestSchema>;

interface Answers {
  readonly totals: readonly QueryTotalsResponse[];
  readonly series: readonly QueryTimeSeriesResponse[];
}

/**
 * The answers, in the order of the questions.
 *
 * Throws a ConnectError as of a single call if one of the questions is refused.
 */
export async function askTogether(
  accountId: string,
  totals: readonly TotalsInit[],
  series: readonly SeriesInit[],
  signal: AbortSignal,
): Promise<Answers> {
  const queries = [
    ...totals.map((value) => ({ query: { case: "totals" as const, value } })),
    ...series.map((value) => ({ query: { case: "timeSeries" as const, value } })),
  ];
  // Under a filter that no metric has, there is nothing to ask.
  if (queries.length === 0) return { totals: [], series: [] };
  const { answers } = await kpis.batchQuery({ accountId, queries }, { signal });
  const answered = { totals: [] as QueryTotalsResponse[], series: [] as QueryTimeSeriesResponse[] };
  for (const { answer } of answers) {
    if (answer.case === "totals") answered.totals.push(answer.value);
    else if (answer.case === "timeSeries") answered.series.push(answer.value);
    else throw new ConnectError(answer.value?.message ?? "", Code.InvalidArgument);
  }
  return answered;
}

/** The metrics' ids as questions take them: percentiles can be asked of durations alone, so they are asked apart. */
export function questionsAbout(metrics: readonly Metric[]): readonly Pick<TotalsInit, "kpiIds" | "percentiles">[] {
  const of = (chosen: readonly Metric[]) => chosen.map((metric) => metric.id);
  const durations = metrics.filter((metric) => metric.figure === "duration");
  const others = metrics.filter((metric) => metric.figure !== "duration");
  return [
    ...(others.length > 0 ? [{ kpiIds: of(others) }] : []),
    ...(durations.length > 0 ? [{ kpiIds: of(durations), percentiles: [...PERCENTILES] }] : []),
  ];
}
