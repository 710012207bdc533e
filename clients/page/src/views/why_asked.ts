/** The questions of an explanation: of the period as a whole, or only of the hours in which there is something. */
import type { ExplainCountResponse, QueryTimeSeriesResponse } from "#stubs/kpi_service_pb.js";
import { askTogether } from "../api/asking.ts";
import { kpis } from "../api/clients.ts";
import { type FilterInit, filterOf, instantsOf, type RangeInit } from "../api/slice.ts";
import type { Part } from "./why_parts.ts";
import { stretchesOf, widthFor } from "./why_stretches.ts";

/** Conversations that are looked through in one call. */
const PAGE_SIZE = 100;

export interface AskedWhy {
  readonly accountId: string;
  readonly timeZone: string;
  readonly range: RangeInit;
  /** How long the range is. */
  readonly days: number;
  readonly part: Part;
  /**
   * Whether to look only where facts are.
   *
   * The server finds conversations by their time alone: of one of ten thousand operators, nearly all that it looks through
   * say nothing. The counters know the hours.
   */
  readonly isNarrowed: boolean;
}

interface Stretch {
  readonly range: RangeInit;
}

/** Asks for page after page; a token of its own names the stretch and the server's page in it. */
export class Explaining {
  private stretches: readonly Stretch[] = [];
  /** Of the stretches before this one. */
  private unexplainable = 0n;

  async page(asked: AskedWhy, token: string, signal: AbortSignal): Promise<ExplainCountResponse | undefined> {
    if (!token) {
      this.unexplainable = 0n;
      this.stretches = asked.isNarrowed ? await stretchesIn(asked, signal) : [{ range: asked.range }];
    }
    const [place = 0, pageToken = ""] = token ? (JSON.parse(token) as [number, string]) : [];
    const stretch = this.stretches[place];
    if (!stretch) return undefined;
    const answer = await kpis.explainCount(
      {
        accountId: asked.accountId,
        kpiId: asked.part.metric.id,
        range: stretch.range,
        timeZone: asked.timeZone,
        filter: filterOf(asked.part.filters),
        pageSize: PAGE_SIZE,
        pageToken,
        includeNames: true,
      },
      { signal },
    );
    const unexplainableCount = this.unexplainable + answer.unexplainableCount;
    if (answer.nextPageToken)
      return { ...answer, unexplainableCount, nextPageToken: JSON.stringify([place, answer.nextPageToken]) };
    this.unexplainable = unexplainableCount;
    const hasNext = place + 1 < this.stretches.length;
    return { ...answer, unexplainableCount, nextPageToken: hasNext ? JSON.stringify([place + 1, ""]) : "" };
  }
}

async function stretchesIn(asked: AskedWhy, signal: AbortSignal): Promise<readonly Stretch[]> {
  const { accountId, timeZone, range, part } = asked;
  const filter: FilterInit = filterOf(part.filters);
  const question = {
    kpiIds: [part.metric.id],
    range,
    timeZone,
    filter,
    granularity: widthFor(asked.days),
    sparse: true,
  };
  const { series } = await askTogether(accountId, [], [question], signal);
  const found = series[0] && stretchesOf(...filledIn(series[0]));
  return found ? found.map((stretch) => ({ range: instantsOf(stretch) })) : [{ range }];
}

function filledIn(answer: QueryTimeSeriesResponse): readonly [number[], number, number[]] {
  const filled = answer.series.flatMap((line) =>
    line.bucketIndexes.filter((_, place) => (line.counts[place] ?? 0n) > 0n),
  );
  const ascending = [...new Set(filled)].sort((one, other) => one - other);
  return [answer.bucketStartSeconds.map(Number), Number(answer.endSeconds), ascending];
}
