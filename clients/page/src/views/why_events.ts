/** Facts of one conversation as the events that they come from, in order. Pure. */
import type { ConversationExplanation, ExplainedFact } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import type { Instants } from "../state/view.ts";

export interface MetricFact {
  readonly metric: Metric;
  readonly fact: ExplainedFact;
}

/** An event, or a limit that passed, with all that it counts as. */
export interface Happened {
  readonly eventId: string;
  /** Since 1970. */
  readonly seconds: number;
  readonly facts: readonly MetricFact[];
}

const AROUND_SECONDS = 7_200;
const QUARTER_HOUR = 900;
/** What a conversation of weeks is looked at: its first day. */
const LENGTH_MAX = 86_400;

const secondsOf = (instant: { readonly seconds: bigint } | undefined): number => Number(instant?.seconds ?? 0n);

/** When else something may have happened in the conversation: two hours before what is explained, until two after it. */
export function timesAround({ counted, heldBack, leftOut }: ConversationExplanation): Instants {
  const times = [
    ...[...counted, ...heldBack].map((fact) => secondsOf(fact.instant)),
    ...leftOut.map((event) => secondsOf(event.occurTime)),
  ];
  const first = Math.min(...times);
  const last = Math.min(Math.max(...times), first + LENGTH_MAX);
  return {
    start: Math.floor((first - AROUND_SECONDS) / QUARTER_HOUR) * QUARTER_HOUR,
    end: Math.ceil((last + AROUND_SECONDS + 1) / QUARTER_HOUR) * QUARTER_HOUR,
  };
}

/** The events, each once, in the order of time. */
export function eventsOf(facts: readonly MetricFact[]): readonly Happened[] {
  const events = new Map<string, Happened & { readonly nanos: number }>();
  for (const each of facts) {
    const { eventId, instant } = each.fact;
    const [seconds, nanos] = [secondsOf(instant), instant?.nanos ?? 0];
    const key = JSON.stringify([eventId, seconds, nanos]);
    events.set(key, { eventId, seconds, nanos, facts: [...(events.get(key)?.facts ?? []), each] });
  }
  return [...events.values()].sort((one, other) => one.seconds - other.seconds || one.nanos - other.nanos);
}
