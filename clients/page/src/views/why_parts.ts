/** What a number is made of: facts of one KPI; of a rate, those above its line and those below it. Pure. */
import type { ConversationExplanation, RateTerm } from "#stubs/kpi_service_pb.js";
import type { Catalogue, Metric } from "../api/catalogue.ts";
import { missingDimensions } from "../api/slice.ts";
import { textOfValue } from "../state/value.ts";
import type { Filters } from "../state/view.ts";

/** Facts of one KPI. */
export interface Part {
  readonly metric: Metric;
  readonly filters: Filters;
  /** Where they stand: they are the number itself, or above a rate's line, below it, or both. */
  readonly place: "number" | "above" | "below" | "both";
}

function without(filters: Filters, dimensions: readonly string[]): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([dimension]) => !dimensions.includes(dimension)));
}

/** A term's facts: what its KPI cannot be filtered by does not narrow it, as the contract says of rates. */
function partOf(term: RateTerm, place: "above" | "below", catalogue: Catalogue, filters: Filters): readonly Part[] {
  const metric = catalogue.metrics.get(term.kpiId);
  if (!metric) return [];
  const kept = without(filters, missingDimensions(metric, filters));
  return [{ metric, place, filters: term.value ? { ...kept, value: [textOfValue(term.value)] } : kept }];
}

const sameFacts = (one: Part, other: Part): boolean =>
  one.metric === other.metric && JSON.stringify(one.filters) === JSON.stringify(other.filters);

/** The parts of a metric's number, each once. */
export function partsOf(metric: Metric, catalogue: Catalogue, filters: Filters): readonly Part[] {
  const { terms } = metric;
  if (!terms) return [{ metric, filters, place: "number" }];
  const above = terms.above ? partOf(terms.above, "above", catalogue, filters) : [];
  const below = terms.below.flatMap((term) => partOf(term, "below", catalogue, filters));
  const isBelowToo = (part: Part) => below.some((other) => sameFacts(part, other));
  return [
    ...above.map((part): Part => (isBelowToo(part) ? { ...part, place: "both" } : part)),
    ...below.filter((part) => !above.some((other) => sameFacts(part, other))),
  ];
}

/** How many facts there are. */
export interface Counted {
  readonly counted: number;
  readonly heldBack: number;
}

/** How many facts and events are listed. */
export interface Listed extends Counted {
  readonly leftOut: number;
}

export function listedIn(conversations: readonly ConversationExplanation[]): Listed {
  const sum = (of: (each: ConversationExplanation) => readonly unknown[]) =>
    conversations.reduce((all, each) => all + of(each).length, 0);
  return {
    counted: sum((each) => each.counted),
    heldBack: sum((each) => each.heldBack),
    leftOut: sum((each) => each.leftOut),
  };
}

/** The conversations that have something to show: left out events, or else counted or held back facts. */
export const shownOf = (
  conversations: readonly ConversationExplanation[],
  leftOut: boolean,
): readonly ConversationExplanation[] =>
  conversations.filter((each) => (leftOut ? each.leftOut : [...each.counted, ...each.heldBack]).length > 0);

/** Whether every fact is listed, but for those that no event explains any more. */
export function isAllOf(
  {
    conversations,
    unexplainable,
  }: { readonly conversations: readonly ConversationExplanation[]; readonly unexplainable: number },
  total: Counted,
): boolean {
  const { counted, heldBack } = listedIn(conversations);
  return counted + unexplainable >= total.counted && heldBack >= total.heldBack;
}
