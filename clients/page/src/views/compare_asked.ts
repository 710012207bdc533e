/** The questions of "compare": those of the sorted column decide which rows there are, the others are of the same rows. */

import type { QueryTotalsRequest, QueryTotalsResponse } from "#stubs/kpi_service_pb.js";
import { askTogether, questionsAbout, type TotalsInit } from "../api/asking.ts";
import type { Metric } from "../api/catalogue.ts";
import { DIMENSION_OF, filterOf, type Slice } from "../api/slice.ts";
import type { Filters } from "../state/view.ts";
import { type Compared, filterWithout, orderOf, type Rows, tableOf } from "./compare_rows.ts";

/** What is asked for. */
export interface Asked {
  readonly accountId: string;
  readonly slice: Slice;
  readonly filters: Filters;
  readonly by: Compared;
  readonly columns: readonly Metric[];
  readonly sorted: Metric | undefined;
  readonly ascending: boolean;
  readonly top: number;
  readonly floor: number;
}

type Question = Exclude<TotalsInit, QueryTotalsRequest>;

/** Which rows the sorted column decided on. */
interface Decided {
  readonly ids: readonly string[];
  readonly hasRest: boolean;
}

/** The same of the last answer. */
interface LastDecided extends Decided {
  /** All that decides beside the period. */
  readonly key: string;
  /** Whether no row was left out, of any column. */
  readonly isWhole: boolean;
  /** Whether the next answer is taken to have the same: it had so the last time, nothing is left out, or it is the first. */
  readonly isSteady: boolean;
}

let last: LastDecided | undefined;

const decidedBy = (first: QueryTotalsResponse, by: Compared): Decided => {
  const { rows, rest } = tableOf([first], by);
  return { ids: rows.map((row) => row.id), hasRest: rest !== undefined };
};

const isSame = (one: Decided, other: Decided): boolean =>
  one.hasRest === other.hasRest && one.ids.length === other.ids.length && one.ids.every((id) => other.ids.includes(id));

/**
 * Asks for the rows. Counts and durations are asked for apart, as only durations have percentiles: first those of the
 * sorted column, then the others of the same rows. Where these are likely to be the rows of the last answer, the others are
 * asked for in the same call, and once more only if they are not: that spares a way to the server and back, and all numbers
 * are of one state of the account.
 */
export async function askRows(asked: Asked, signal: AbortSignal): Promise<Rows> {
  const { accountId, by, sorted } = asked;
  const questions = questionsAbout(asked.columns).map((question) => ({ ...sharedBy(asked), ...question }));
  const deciding = questions.find(({ kpiIds }) => sorted && kpiIds?.includes(sorted.id)) ?? questions[0];
  if (!deciding) throw new Error("there is no column");
  const floor = sorted?.figure === "rate" && asked.floor > 1 ? { minBelow: BigInt(asked.floor) } : {};
  const others = questions.filter((question) => question !== deciding);
  const key = JSON.stringify([accountId, by, sorted?.id, asked.ascending, asked.top, asked.floor, asked.filters]);
  const before = last?.key === key ? last : undefined;
  const guess = before?.isSteady ? guessOf(asked, others, before) : [];
  const { totals } = await askTogether(
    accountId,
    [
      { ...deciding, ...groupedBy(by), orderBy: orderOf(sorted, asked.ascending), top: { ...topOf(asked), ...floor } },
      ...questions,
      ...guess,
    ],
    [],
    signal,
  );
  const [first] = totals;
  if (!first) throw new Error("the server left an answer out");
  const wholes = totals.slice(1, 1 + questions.length);
  const decided = decidedBy(first, by);
  const guessed = before?.isSteady ? rightGuess(asked, first, totals.slice(1 + questions.length), before) : undefined;
  const responses = [first, ...(guessed ?? (await askSameRows(asked, others, decided, signal)))];
  const table = tableOf(responses, by);
  const isWhole = table.rest === undefined;
  last = { ...decided, key, isWhole, isSteady: isWhole || !before || isSame(decided, before) };
  return {
    ...table,
    whole: { id: "", totals: new Map(wholes.flatMap((answer) => answer.totals.map((total) => [total.kpiId, total]))) },
    answers: wholes.flatMap((answer) => answer.answers),
    names: responses.flatMap((answer) => answer.names),
    compared: first.comparedPeriod,
    completeUntil: Number(first.completeUntil?.seconds ?? 0n),
  };
}

const sharedBy = ({ slice: { range, timeZone, filter, compareTo } }: Asked) => ({
  range,
  timeZone,
  filter,
  ...(compareTo && { compareTo }),
});

const groupedBy = (by: Compared) => ({ groupBy: [DIMENSION_OF[by]], includeNames: true });

const topOf = ({ top }: Asked) => ({ count: top, includeRest: true });

/** The questions about the other columns, if their rows are those of the last answer. */
function guessOf(asked: Asked, others: readonly Question[], before: LastDecided): readonly Question[] {
  if (before.isWhole) return others.map((other) => ({ ...other, ...groupedBy(asked.by), top: topOf(asked) }));
  return others.flatMap((other) => questionsOfRows(asked, other, before));
}

/** What was answered about the other columns, if the guess came true. */
function rightGuess(
  asked: Asked,
  first: QueryTotalsResponse,
  answers: readonly QueryTotalsResponse[],
  before: LastDecided,
): readonly QueryTotalsResponse[] | undefined {
  if (before.isWhole) {
    const { rows, rest } = tableOf([first, ...answers], asked.by);
    return !rest && rows.length <= asked.top ? answers : undefined;
  }
  return isSame(decidedBy(first, asked.by), before) ? withRest(asked, answers, before) : undefined;
}

/** The other columns of the rows that were found, of more rows if there is room for them, and of the rest. */
async function askSameRows(
  asked: Asked,
  others: readonly Question[],
  decided: Decided,
  signal: AbortSignal,
): Promise<readonly QueryTotalsResponse[]> {
  const questions = others.flatMap((other) => questionsOfRows(asked, other, decided));
  const { totals } = await askTogether(asked.accountId, questions, [], signal);
  return withRest(asked, totals, decided);
}

const roomOf = ({ top }: Asked, { ids, hasRest }: Decided): number => (hasRest ? 0 : top - ids.length);

/** One question about those rows, if there are any, and one about all others, if there are others. */
function questionsOfRows(asked: Asked, question: Question, decided: Decided): readonly Question[] {
  const { by, filters } = asked;
  const { ids } = decided;
  const room = roomOf(asked, decided);
  const without = filterWithout(filters, by, ids);
  const more = room > 0 ? { ...groupedBy(by), top: { count: room, includeRest: true } } : {};
  return [
    ...(ids.length > 0 ? [{ ...question, ...groupedBy(by), filter: filterOf({ ...filters, [by]: ids }) }] : []),
    ...(without ? [{ ...question, ...more, filter: without }] : []),
  ];
}

/** The answers to `questionsOfRows`; what is asked of no key is the sum of all other keys. */
function withRest(
  asked: Asked,
  answers: readonly QueryTotalsResponse[],
  decided: Decided,
): readonly QueryTotalsResponse[] {
  const ofRows = decided.ids.length > 0 ? 1 : 0;
  const others = filterWithout(asked.filters, asked.by, decided.ids) ? 1 : 0;
  const isRest = (place: number) => others > 0 && place % (ofRows + others) === ofRows;
  if (roomOf(asked, decided) > 0) return answers;
  return answers.map((answer, place) => (isRest(place) ? asRest(answer) : answer));
}

const asRest = (answer: QueryTotalsResponse): QueryTotalsResponse => ({
  ...answer,
  totals: answer.totals.map((total) => ({ ...total, rest: true })),
});
