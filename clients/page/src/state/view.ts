/** What is looked at, and its URL: every view is its address, so that it can be bookmarked and sent. Pure. */
import { isoOf, parseDay } from "./day.ts";
import { type Period, PRESETS, type Preset } from "./period.ts";

export const VIEWS = ["overview", "compare", "metric", "why"] as const;
export type ViewName = (typeof VIEWS)[number];

/** What rows are by. */
export const DIMENSIONS = ["operator", "group", "widget", "value", "topic", "question"] as const;
export type DimensionName = (typeof DIMENSIONS)[number];

export const GRANULARITIES = ["auto", "quarter-hour", "hour", "day", "week", "month", "quarter", "year"] as const;
export type GranularityName = (typeof GRANULARITIES)[number];

/** How one metric is shown. */
export const CHARTS = ["line", "bar", "table", "values", "week", "percentiles"] as const;
export type ChartName = (typeof CHARTS)[number];

/** What one metric's values are split by; empty for the view's own choice. */
export const SPLITS = ["value", "topic", "question"] as const;
export type SplitName = (typeof SPLITS)[number];

export const LANGUAGES = ["en", "nl", "de"] as const;
export type Language = (typeof LANGUAGES)[number];

/**
 * The ids that are kept, by dimension; none chosen keeps all. The empty id of an operator or a group is "nobody"; a value
 * is the JSON of telwerk.v1.Value, in one form (`state/value.ts`).
 */
export type Filters = { readonly [Name in DimensionName]?: readonly string[] };

/** A range of instants of one bucket, in seconds since 1970. */
export interface Instants {
  readonly start: number;
  readonly end: number;
}

export interface View {
  readonly view: ViewName;
  readonly account: string;
  readonly period: Period;
  readonly granularity: GranularityName;
  readonly filters: Filters;
  /** The id of a KPI, a service time or a rate. Empty: the view's own choice. */
  readonly metric: string;
  readonly chart: ChartName;
  readonly split: SplitName | "";
  /** What "compare" has rows by. */
  readonly by: "operator" | "group" | "widget";
  /** The number that rows are sorted by: a metric's id, or "name"; empty for the view's own choice. */
  readonly sort: string;
  readonly ascending: boolean;
  /** How many rows, the rest in one more. */
  readonly top: number;
  /** Of rates: rows with fewer below the line are among the rest. */
  readonly floor: number;
  /** The metrics that "compare" has columns of, by id, in order; none for its own choice. */
  readonly columns: readonly string[];
  /** Rows that are overlaid in one chart, by id. */
  readonly picked: readonly string[];
  /** "Why?" of one bucket alone. */
  readonly at: Instants | undefined;
  /** Which part of a rate "why?" lists: the place of a term among those it is made of. */
  readonly term: number;
  /** Whether "why?" lists what was left out, rather than what was counted. */
  readonly leftOut: boolean;
  readonly live: boolean;
  readonly language: Language;
}

export const TOP_MAX = 1000;

const isOneOf = <T extends string>(names: readonly T[], text: string | null): text is T =>
  (names as readonly (string | null)[]).includes(text);

function oneOf<T extends string>(names: readonly T[], text: string | null, otherwise: T): T {
  return isOneOf(names, text) ? text : otherwise;
}

function wholeOf(text: string | null, least: number, most: number, otherwise: number): number {
  const number = /^\d{1,9}$/.test(text ?? "") ? Number(text) : NaN;
  return number >= least && number <= most ? number : otherwise;
}

function periodOf(params: URLSearchParams): Period {
  const [first, last] = [parseDay(params.get("from")), parseDay(params.get("to"))];
  if (first && last && isoOf(first) <= isoOf(last)) return { first, last };
  return oneOf<Preset>(PRESETS, params.get("period"), "7d");
}

function instantsOf(text: string | null): Instants | undefined {
  const match = /^(\d{1,11})-(\d{1,11})$/.exec(text ?? "");
  if (!match) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2])];
  return end > start ? { start, end } : undefined;
}

function filtersOf(params: URLSearchParams): Filters {
  const filters: { [Name in DimensionName]?: readonly string[] } = {};
  for (const name of DIMENSIONS) {
    const ids = [...new Set(params.getAll(name))];
    if (ids.length > 0) filters[name] = ids;
  }
  return filters;
}

/** The view at an address, by its query string. What it does not say, or says wrongly, is the default. */
export function viewOf(search: string, language: Language): View {
  const params = new URLSearchParams(search);
  return {
    view: oneOf(VIEWS, params.get("view"), "overview"),
    account: params.get("account") ?? "",
    period: periodOf(params),
    granularity: oneOf(GRANULARITIES, params.get("granularity"), "auto"),
    filters: filtersOf(params),
    metric: params.get("metric") ?? "",
    chart: oneOf(CHARTS, params.get("chart"), "line"),
    split: oneOf<SplitName | "">(SPLITS, params.get("split"), ""),
    by: oneOf(["operator", "group", "widget"] as const, params.get("by"), "operator"),
    sort: params.get("sort") ?? "",
    ascending: params.get("ascending") === "1",
    top: wholeOf(params.get("top"), 1, TOP_MAX, 20),
    floor: wholeOf(params.get("floor"), 1, 999_999_999, 1),
    columns: [...new Set(params.getAll("column"))],
    picked: [...new Set(params.getAll("pick"))],
    at: instantsOf(params.get("at")),
    term: wholeOf(params.get("term"), 0, 99, 0),
    leftOut: params.get("left-out") === "1",
    live: params.get("live") === "1",
    language: oneOf(LANGUAGES, params.get("language"), language),
  };
}

/** Servers, and what stands before them, refuse addresses of more than some thousand characters. */
const SENT_MAX = 4_000;

/** The address of a view, from the root on: a long one behind a "#", which a browser keeps to itself. */
export function addressOf(view: View): string {
  const search = searchOf(view);
  return search.length > SENT_MAX ? `/#${search}` : `/${search}`;
}

/** The query string in an address, wherever it stands. */
export const searchIn = ({ search, hash }: { readonly search: string; readonly hash: string }): string =>
  hash.startsWith("#?") ? hash.slice(1) : search;

/** The query string of a view, "?" with it: what is not the default, in a fixed order. */
export function searchOf(view: View): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string | number, otherwise: string | number) => {
    if (value !== otherwise) params.append(name, String(value));
  };
  put("view", view.view, "overview");
  put("account", view.account, "");
  if (typeof view.period === "object") {
    params.append("from", isoOf(view.period.first));
    params.append("to", isoOf(view.period.last));
  } else {
    put("period", view.period, "7d");
  }
  put("granularity", view.granularity, "auto");
  put("metric", view.metric, "");
  put("chart", view.chart, "line");
  put("split", view.split, "");
  put("by", view.by, "operator");
  put("sort", view.sort, "");
  put("ascending", view.ascending ? 1 : 0, 0);
  put("top", view.top, 20);
  put("floor", view.floor, 1);
  for (const id of view.columns) params.append("column", id);
  for (const id of view.picked) params.append("pick", id);
  for (const name of DIMENSIONS) for (const id of view.filters[name] ?? []) params.append(name, id);
  if (view.at) params.append("at", `${view.at.start}-${view.at.end}`);
  put("term", view.term, 0);
  put("left-out", view.leftOut ? 1 : 0, 0);
  put("live", view.live ? 1 : 0, 0);
  params.append("language", view.language);
  return `?${params}`;
}
