/**
 * Builds events, one function per kind, so that a producer reads as what happened.
 *
 *     await sender.add(events.operatorAssigned("chat-1", { widget: "web", at, operator: "anna", group: "sales" }));
 *     await sender.add(events.rated("chat-1", { widget: "web", at, stars: 5 }));
 *
 * Nothing is checked here; the server does, and names the field.
 */

import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";

import { type Event, EventSchema, type InactivityAction, Sender } from "./gen/telwerk/v1/event_pb.js";

/** What every event carries beside its conversation and its kind. */
export interface Envelope {
  /** Where it happened. */
  widget: string;
  /** When it happened; a `Timestamp` where milliseconds are too coarse. */
  at: Date | Timestamp;
  /**
   * Unique in the conversation, and best taken from the producer's own system (the id of the row, the message, the
   * webhook): then a producer that lost its memory may build the same events again, and nothing counts twice. Left out,
   * it is a random UUID: sending the same event again is harmless, building it again makes a second event.
   */
  eventId?: string;
  /** Orders events of the same instant. */
  sequence?: number | bigint;
}

/** Question and chosen option, by id; pairs where a question has several chosen options. Never free text. */
export type Answers = Readonly<Record<string, string>> | Iterable<readonly [question: string, option: string]>;

type Kind = NonNullable<MessageInitShape<typeof EventSchema>["kind"]>;

const SENDERS = { contact: Sender.CONTACT, operator: Sender.OPERATOR, bot: Sender.BOT } as const;

/** Contact and operator are online at the same time. `liveLimitMs`, if given, wins over the widget's setting. */
export function wentLive(conversationId: string, what: Envelope & { liveLimitMs?: number }): Event {
  const limit = what.liveLimitMs;
  const value = limit === undefined ? {} : { liveLimit: durationFromMs(limit) };
  return event(conversationId, what, { case: "wentLive", value });
}

/** They no longer are. */
export function leftLive(conversationId: string, what: Envelope): Event {
  return event(conversationId, what, { case: "leftLive", value: {} });
}

/** Someone sent a message; its text is not for Telwerk. `operator` is who wrote an operator's, where that is known. */
export function messageSent(
  conversationId: string,
  what: Envelope & { sender: keyof typeof SENDERS; operator?: string },
): Event {
  const value = { sender: SENDERS[what.sender], operatorId: what.operator ?? "" };
  return event(conversationId, what, { case: "messageSent", value });
}

/** Operator and group are now these, both: what is left out becomes nobody. A bot is assigned as no operator. */
export function operatorAssigned(
  conversationId: string,
  what: Envelope & { operator?: string; group?: string },
): Event {
  const { operator: operatorId = "", group: operatorGroupId = "" } = what;
  return event(conversationId, what, { case: "operatorAssigned", value: { operatorId, operatorGroupId } });
}

/** Nobody is responsible any more; the group stays if it is named. */
export function operatorUnassigned(conversationId: string, what: Envelope & { group?: string }): Event {
  return event(conversationId, what, { case: "operatorUnassigned", value: { operatorGroupId: what.group ?? "" } });
}

/** The status became "Ended". */
export function ended(conversationId: string, what: Envelope): Event {
  return event(conversationId, what, { case: "conversationEnded", value: {} });
}

/** The contact resumed an ended conversation. */
export function resumed(conversationId: string, what: Envelope): Event {
  return event(conversationId, what, { case: "conversationResumed", value: {} });
}

/** The contact gave 1 to 5 stars. */
export function rated(conversationId: string, what: Envelope & { stars: number }): Event {
  return event(conversationId, what, { case: "conversationRated", value: { stars: what.stars } });
}

/** The contact left feedback; its text is not for Telwerk. */
export function feedbackLeft(conversationId: string, what: Envelope): Event {
  return event(conversationId, what, { case: "feedbackLeft", value: {} });
}

/** One of the eight inactivity actions fired or failed. */
export function inactivityAction(conversationId: string, what: Envelope & { action: InactivityAction }): Event {
  return event(conversationId, what, { case: "inactivityActionPerformed", value: { action: what.action } });
}

/** The contact visited a page, which the server matches against the widget's goals. */
export function pageVisited(conversationId: string, what: Envelope & { url: string }): Event {
  return event(conversationId, what, { case: "pageVisited", value: { url: what.url } });
}

/** The contact reached a goal, as the producer itself matched it. */
export function goalReached(conversationId: string, what: Envelope & { goal: string }): Event {
  return event(conversationId, what, { case: "goalReached", value: { goalId: what.goal } });
}

/** The conversation's topics are now exactly these; none takes the earlier ones back. */
export function topicsSet(conversationId: string, what: Envelope & { topics: Iterable<string> }): Event {
  return event(conversationId, what, { case: "topicsSet", value: { topicIds: [...what.topics] } });
}

/** The contact completed the pre-chat survey. */
export function preChatSurveyCompleted(conversationId: string, what: Envelope & { answers: Answers }): Event {
  const value = { answers: surveyAnswers(what.answers) };
  return event(conversationId, what, { case: "preChatSurveyCompleted", value });
}

/** The contact answered the post-chat survey. */
export function postChatSurveyAnswered(conversationId: string, what: Envelope & { answers: Answers }): Event {
  const value = { answers: surveyAnswers(what.answers) };
  return event(conversationId, what, { case: "postChatSurveyAnswered", value });
}

/** Another event of this conversation is taken back: as if it had never been, whichever arrives first. */
export function retracted(conversationId: string, what: Envelope & { retractedEventId: string }): Event {
  const { retractedEventId } = what;
  return event(conversationId, what, { case: "eventRetracted", value: { retractedEventId } });
}

function event(conversationId: string, { widget, at, eventId, sequence }: Envelope, kind: Kind): Event {
  return create(EventSchema, {
    eventId: eventId === undefined || eventId === "" ? randomUUID() : eventId,
    conversationId,
    widgetId: widget,
    occurTime: at instanceof Date ? timestampFromDate(at) : at,
    sequence: BigInt(sequence ?? 0),
    kind,
  });
}

function surveyAnswers(answers: Answers): { questionId: string; optionId: string }[] {
  const isPairs = Symbol.iterator in answers;
  const pairs = isPairs ? [...(answers as Iterable<readonly [string, string]>)] : Object.entries(answers);
  return pairs.map(([questionId, optionId]) => ({ questionId, optionId }));
}
