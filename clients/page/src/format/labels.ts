/** What people read for an id: its display name, with the id behind it. */

import { type DisplayName, NameKind } from "#stubs/display_name_pb.js";
import { InactivityAction, Sender } from "#stubs/event_pb.js";
import { ConversationEnd, type Key, OfflineAssignment, type Value } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { textOfValue } from "../state/value.ts";
import type { DimensionName } from "../state/view.ts";

/** A row's or a filter's name. `text` is one line of plain text; `id` is shown behind it where they differ. */
export interface Label {
  readonly text: string;
  readonly id: string;
}

const KINDS: Readonly<Record<Exclude<DimensionName, "value">, NameKind>> = {
  operator: NameKind.OPERATOR,
  group: NameKind.OPERATOR_GROUP,
  widget: NameKind.WIDGET,
  topic: NameKind.TOPIC,
  question: NameKind.QUESTION,
};

/**
 * Text from outside on one line, and unable to change the direction of what stands beside it.
 *
 * A browser shows ids as text, so markup is none; line breaks, control characters and direction marks still would confuse.
 */
export const cleanText = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\u00b7");

/** The display names that answers carry. */
export class Names {
  private readonly names = new Map<string, string>();

  constructor(...lists: readonly (readonly DisplayName[])[]) {
    for (const list of lists)
      for (const { kind, id, name, questionId } of list) this.names.set(`${kind}\n${questionId}\n${id}`, name);
  }

  of(kind: NameKind, id: string, question = ""): string {
    return this.names.get(`${kind}\n${question}\n${id}`) ?? "";
  }

  /** An id of a dimension, named; `nobody` is the word for the empty id. */
  label(dimension: Exclude<DimensionName, "value">, id: string, nobody: string): Label {
    if (!id) return { text: nobody, id: "" };
    return { text: cleanText(this.of(KINDS[dimension], id) || id), id: cleanText(id) };
  }

  /** A value, named by the catalogue where it is known beforehand, else by the account's names. */
  value(value: Value, metric: Metric | undefined): Label {
    const known = metric?.values.find((info) => info.value && textOfValue(info.value) === textOfValue(value));
    if (known) return { text: known.displayName, id: "" };
    const { kind } = value;
    switch (kind.case) {
      case "stars":
        return { text: "★".repeat(Math.max(0, Math.min(kind.value, 5))) || String(kind.value), id: "" };
      case "goalId":
        return { text: cleanText(this.of(NameKind.GOAL, kind.value) || kind.value), id: cleanText(kind.value) };
      case "topics": {
        const names = kind.value.topicIds.map((id) => this.of(NameKind.TOPIC, id) || id);
        return { text: cleanText(names.join(", ")), id: cleanText(kind.value.topicIds.join(", ")) };
      }
      case "answer": {
        const { questionId, optionId } = kind.value;
        const question = this.of(NameKind.QUESTION, questionId) || questionId;
        const option = this.of(NameKind.OPTION, optionId, questionId) || optionId;
        return { text: cleanText(`${question}: ${option}`), id: cleanText(`${questionId} = ${optionId}`) };
      }
      case "action":
        return { text: InactivityAction[kind.value] ?? String(kind.value), id: "" };
      case "offlineAssignment":
        return { text: OfflineAssignment[kind.value] ?? String(kind.value), id: "" };
      case "sender":
        return { text: Sender[kind.value] ?? String(kind.value), id: "" };
      case "conversationEnd":
        return { text: ConversationEnd[kind.value] ?? String(kind.value), id: "" };
      case undefined:
        return { text: "?", id: "" };
    }
  }

  /** The key of a row that is by one dimension. */
  key(key: Key | undefined, by: DimensionName, metric: Metric | undefined, nobody: string): Label {
    if (!key) return { text: "", id: "" };
    switch (by) {
      case "operator":
        return this.label(by, key.operatorId ?? "", nobody);
      case "group":
        return this.label(by, key.operatorGroupId ?? "", nobody);
      case "widget":
        return this.label(by, key.widgetId ?? "", nobody);
      case "topic":
        return this.label(by, key.topicId ?? "", nobody);
      case "question":
        return this.label(by, key.questionId ?? "", nobody);
      case "value":
        return key.value ? this.value(key.value, metric) : { text: "", id: "" };
    }
  }
}

/** The id of a key of one dimension, as filters have it. */
export function idOfKey(key: Key | undefined, by: DimensionName): string {
  switch (by) {
    case "operator":
      return key?.operatorId ?? "";
    case "group":
      return key?.operatorGroupId ?? "";
    case "widget":
      return key?.widgetId ?? "";
    case "topic":
      return key?.topicId ?? "";
    case "question":
      return key?.questionId ?? "";
    case "value":
      return key?.value ? textOfValue(key.value) : "";
  }
}
