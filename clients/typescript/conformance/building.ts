/** Events as the builders make them, from what a scenario tells. */

import { isDeepStrictEqual } from "node:util";
import { fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";

import { type Event, events, EventSchema, InactivityAction } from "../src/index.js";

/** A call of a builder. */
export interface Told {
  kind: string;
  conversation: string;
  widget: string;
  at: string;
  eventId?: string;
  sequence?: number;
  liveLimitSeconds?: number;
  sender?: "contact" | "operator" | "bot";
  operator?: string;
  group?: string;
  stars?: number;
  action?: string;
  url?: string;
  goal?: string;
  topics?: string[];
  answers?: [string, string][];
  retractedEventId?: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The event. */
export function eventOf({ kind, conversation, at, action, liveLimitSeconds, ...told }: Told): Event {
  const name = kind.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  // Which arguments go with which builder is known only here.
  const build = (events as unknown as Record<string, (id: string, what: object) => Event>)[name];
  if (build === undefined) throw new Error(`there is no builder ${kind}`);
  return build(conversation, {
    ...told,
    at: fromJson(TimestampSchema, at),
    ...(action === undefined ? {} : { action: InactivityAction[action.replace("INACTIVITY_ACTION_", "") as "UNSPECIFIED"] }),
    ...(liveLimitSeconds === undefined ? {} : { liveLimitMs: liveLimitSeconds * 1_000 }),
  });
}

/** Compares what the builders make. What has no id must have got one by chance. */
export function compareBuilt(build: Told[], expected: JsonObject[]): void {
  for (const [index, told] of build.entries()) {
    const got = toJson(EventSchema, eventOf(told)) as JsonObject;
    if (told.eventId === undefined) {
      if (!UUID.test(String(got["eventId"]))) throw new Error(`${String(got["eventId"])} is no UUID by chance`);
      delete got["eventId"];
    }
    if (!isDeepStrictEqual(got, expected[index])) {
      throw new Error(`  expected ${JSON.stringify(expected[index])}\n  got      ${JSON.stringify(got)}`);
    }
  }
}
