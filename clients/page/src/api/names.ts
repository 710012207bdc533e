/** The display names of ids that no answer has named: those of a filter, which may come from a bookmark. */
import { type DisplayName, NameKind } from "#stubs/display_name_pb.js";
import { parseValue } from "../state/value.ts";
import type { DimensionName, Filters } from "../state/view.ts";
import { settings } from "./clients.ts";

/** Something that may have a name. */
export interface Nameable {
  readonly kind: NameKind;
  readonly id: string;
  /** Of an option: its question. */
  readonly questionId: string;
}

const KINDS: Readonly<Record<Exclude<DimensionName, "value">, NameKind>> = {
  operator: NameKind.OPERATOR,
  group: NameKind.OPERATOR_GROUP,
  widget: NameKind.WIDGET,
  topic: NameKind.TOPIC,
  question: NameKind.QUESTION,
};

const named = (kind: NameKind, id: string, questionId = ""): Nameable => ({ kind, id, questionId });

function namedInValue(text: string): readonly Nameable[] {
  const kind = parseValue(text)?.kind;
  switch (kind?.case) {
    case "goalId":
      return [named(NameKind.GOAL, kind.value)];
    case "topics":
      return kind.value.topicIds.map((id) => named(NameKind.TOPIC, id));
    case "answer":
      return [
        named(NameKind.QUESTION, kind.value.questionId),
        named(NameKind.OPTION, kind.value.optionId, kind.value.questionId),
      ];
    default:
      return [];
  }
}

/** What may have a name among the first so many ids of each dimension of a filter. */
export function namedInFilters(filters: Filters, eachMax: number): readonly Nameable[] {
  const found = Object.entries(filters).flatMap(([dimension, ids]) =>
    ids
      .slice(0, eachMax)
      .flatMap((id) =>
        dimension === "value" ? namedInValue(id) : id ? [named(KINDS[dimension as keyof typeof KINDS], id)] : [],
      ),
  );
  return [...new Map(found.map((each) => [JSON.stringify(each), each])).values()];
}

/** Of what has an id, or a name, that begins like the one that is looked for, so many are looked at. */
const LIKE_IT = 200;

async function nameOf(
  accountId: string,
  { kind, id, questionId }: Nameable,
  signal: AbortSignal,
): Promise<DisplayName[]> {
  const request = { accountId, kind, prefix: id, questionId, pageSize: LIKE_IT };
  const { names } = await settings.listDisplayNames(request, { signal });
  return names.filter((name) => name.id === id && name.questionId === questionId);
}

/** Their names, as far as they have any. */
export async function findNames(
  accountId: string,
  wanted: readonly Nameable[],
  signal: AbortSignal,
): Promise<readonly DisplayName[]> {
  return (await Promise.all(wanted.map((each) => nameOf(accountId, each, signal)))).flat();
}
