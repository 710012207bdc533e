/** A fact's value as the one text that stands for it in a URL and as a key: its JSON. */
import { fromJsonString, toJson } from "@bufbuild/protobuf";
import { type Value, ValueKind, ValueSchema } from "#stubs/kpi_service_pb.js";

export const textOfValue = (value: Value): string => JSON.stringify(toJson(ValueSchema, value));

/** The value, if the text is one's. */
export function parseValue(text: string): Value | undefined {
  try {
    const value = fromJsonString(ValueSchema, text);
    return value.kind.case === undefined ? undefined : value;
  } catch {
    return undefined;
  }
}

const KINDS: Readonly<Record<NonNullable<Value["kind"]["case"]>, ValueKind>> = {
  stars: ValueKind.STARS,
  action: ValueKind.INACTIVITY_ACTION,
  offlineAssignment: ValueKind.OFFLINE_ASSIGNMENT,
  goalId: ValueKind.GOAL,
  topics: ValueKind.TOPIC_SET,
  answer: ValueKind.SURVEY_ANSWER,
  sender: ValueKind.SENDER,
  conversationEnd: ValueKind.CONVERSATION_END,
};

/** Which kind of value a text stands for; none if it is no value. */
export function kindOfText(text: string): ValueKind {
  const kind = parseValue(text)?.kind.case;
  return kind === undefined ? ValueKind.NONE : KINDS[kind];
}
