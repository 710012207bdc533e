/** What a filter can choose from, as the reader types. */
import { type DisplayName, NameKind } from "#stubs/display_name_pb.js";
import { Dimension, type DimensionValue, ValueKind } from "#stubs/kpi_service_pb.js";
import { cleanText, type Label, Names } from "../format/labels.ts";
import { textOfValue } from "../state/value.ts";
import type { DimensionName, View } from "../state/view.ts";
import type { Catalogue, Metric } from "./catalogue.ts";
import { kpis, settings } from "./clients.ts";
import { DIMENSION_OF } from "./slice.ts";

/** Something to choose. */
export interface Choice {
  /** As filters have it. */
  readonly id: string;
  readonly label: Label;
}

export interface Choices {
  readonly choices: readonly Choice[];
  /** Whether more of them match than these. */
  readonly hasMore: boolean;
}

/** So many are offered at a time: who does not find theirs among them types on. */
const CHOICES_MAX = 50;
/** Pages may be empty before the last: so many are turned over. */
const PAGES_MAX = 10;

/** The dimensions that every metric has. */
const USUAL: readonly DimensionName[] = ["operator", "group", "widget"];

/**
 * What can be filtered by: what all metrics have; where one metric is looked at, all that it has.
 *
 * Filters by values, topics and questions are of one metric alone.
 */
export function offeredDimensions(view: View, metric: Metric | undefined): readonly DimensionName[] {
  if (!metric || (view.view !== "metric" && view.view !== "why")) return USUAL;
  const all: readonly DimensionName[] = [...USUAL, "value", "topic", "question"];
  return all.filter((name) => metric.dimensions.has(DIMENSION_OF[name]));
}

/** The KPI whose values a metric's rows have: of a rate, the one above its line. */
const kpiOf = (metric: Metric, catalogue: Catalogue): Metric =>
  catalogue.metrics.get(metric.terms?.above?.kpiId ?? "") ?? metric;

/** Whether a text begins like what was typed, in any case of letters; with nothing typed, everything does. */
const begins = (text: string, typed: string): boolean => text.toLocaleLowerCase().startsWith(typed.toLocaleLowerCase());

export interface Wanted {
  readonly accountId: string;
  readonly catalogue: Catalogue;
  readonly dimension: DimensionName;
  readonly metric: Metric | undefined;
  readonly typed: string;
  /** The word for the empty id. */
  readonly nobody: string;
}

/** Those whose id or name begins so. */
export async function findChoices(wanted: Wanted, signal: AbortSignal): Promise<Choices> {
  const kpi = wanted.metric && kpiOf(wanted.metric, wanted.catalogue);
  if (wanted.dimension === "value" && kpi && kpi.values.length > 0) return knownChoices(kpi, wanted.typed);
  const [{ values, hasMore }, names] = await Promise.all([
    listValues(wanted, kpi, signal),
    namesInValues(wanted, kpi, signal),
  ]);
  const choices = values.map((value) => choiceOf(value, wanted, kpi, names));
  // The server knows no word for the empty id.
  const isNobodyMeant = wanted.typed !== "" && begins(wanted.nobody, wanted.typed) && hasNobody(wanted.dimension);
  return { choices: isNobodyMeant ? [nobodyChoice(wanted), ...choices] : choices, hasMore };
}

const hasNobody = (dimension: DimensionName): boolean => dimension === "operator" || dimension === "group";

const nobodyChoice = ({ nobody }: Wanted): Choice => ({ id: "", label: { text: nobody, id: "" } });

/** The values that the catalogue knows, where any part of their name was typed. */
function knownChoices(kpi: Metric, typed: string): Choices {
  const choices = kpi.values.flatMap(({ value, displayName }) =>
    value && displayName.toLocaleLowerCase().includes(typed.toLocaleLowerCase())
      ? [{ id: textOfValue(value), label: { text: displayName, id: "" } }]
      : [],
  );
  return { choices, hasMore: false };
}

async function listValues(
  { accountId, dimension, typed }: Wanted,
  kpi: Metric | undefined,
  signal: AbortSignal,
): Promise<{ readonly values: readonly DimensionValue[]; readonly hasMore: boolean }> {
  const isOfOne = !USUAL.includes(dimension);
  const request = {
    accountId,
    dimension: DIMENSION_OF[dimension],
    kpiIds: isOfOne && kpi ? [kpi.id] : [],
    prefix: typed,
    pageSize: CHOICES_MAX,
  };
  const values: DimensionValue[] = [];
  let pageToken = "";
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await kpis.listDimensionValues({ ...request, pageToken }, { signal });
    values.push(...answer.values);
    pageToken = answer.nextPageToken;
    if (values.length > 0 || !pageToken) break;
  }
  return { values, hasMore: pageToken !== "" };
}

/** The names of what is inside values: topics of sets, questions of answers. */
async function namesInValues(
  { accountId, dimension }: Wanted,
  kpi: Metric | undefined,
  signal: AbortSignal,
): Promise<readonly DisplayName[]> {
  if (dimension !== "value" || !kpi?.dimensions.has(Dimension.VALUE)) return [];
  const kind = { [ValueKind.TOPIC_SET]: NameKind.TOPIC, [ValueKind.SURVEY_ANSWER]: NameKind.QUESTION }[
    kpi.valueKind as ValueKind.TOPIC_SET
  ];
  if (kind === undefined) return [];
  const { names } = await settings.listDisplayNames({ accountId, kind, pageSize: 1000 }, { signal });
  return names;
}

function choiceOf(
  found: DimensionValue,
  wanted: Wanted,
  kpi: Metric | undefined,
  names: readonly DisplayName[],
): Choice {
  const { id, name, value } = found;
  if (!value) {
    if (!id && hasNobody(wanted.dimension)) return nobodyChoice(wanted);
    return { id, label: { text: cleanText(name || id), id: cleanText(id) } };
  }
  return { id: textOfValue(value), label: new Names(names, namesOfValue(found)).value(value, kpi) };
}

/** A value comes with the name of its goal, or of its option. */
function namesOfValue({ value, name }: DimensionValue): DisplayName[] {
  const of = (kind: NameKind, id: string, questionId = "") =>
    name ? [{ kind, id, name, questionId } as DisplayName] : [];
  switch (value?.kind.case) {
    case "goalId":
      return of(NameKind.GOAL, value.kind.value);
    case "answer":
      return of(NameKind.OPTION, value.kind.value.optionId, value.kind.value.questionId);
    default:
      return [];
  }
}
