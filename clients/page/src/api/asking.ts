/** Questions in one call, so that all numbers of a view are of one moment. */
import { ConnectError, Code } from "@connectrpc/connect";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  QueryTimeSeriesRequestSchema,
  QueryTimeSeriesResponse,
  QueryTotalsRequestSchema,
  QueryTotalsResponse,
} from "#stubs/kpi_service_pb.js";
import { kpis } from "./clients.ts";

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
  const { answers } = await kpis.batchQuery({ accountId, queries }, { signal });
  const answered = { totals: [] as QueryTotalsResponse[], series: [] as QueryTimeSeriesResponse[] };
  for (const { answer } of answers) {
    if (answer.case === "totals") answered.totals.push(answer.value);
    else if (answer.case === "timeSeries") answered.series.push(answer.value);
    else throw new ConnectError(answer.value?.message ?? "", Code.InvalidArgument);
  }
  return answered;
}
