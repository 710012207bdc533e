/** What else was counted in a conversation, event by event: what happened around the number that is explained. */
import { useState } from "preact/hooks";
import type { DisplayName } from "#stubs/display_name_pb.js";
import type { ConversationExplanation, ExplainedFact } from "#stubs/kpi_service_pb.js";
import type { Catalogue, Metric } from "../api/catalogue.ts";
import { kpis } from "../api/clients.ts";
import { instantsOf } from "../api/slice.ts";
import { cleanText, Names } from "../format/labels.ts";
import { durationText } from "../format/numbers.ts";
import { instantText } from "../format/times.ts";
import { useLoaded } from "../parts/loading.ts";
import { Named } from "../parts/named.tsx";
import { ViewFailure } from "../parts/view_failure.tsx";
import { usePage } from "../state/page.ts";
import type { Instants } from "../state/view.ts";
import { WHY } from "../texts/why.ts";
import { eventsOf, type Happened, timesAround } from "./why_events.ts";
import type { Part } from "./why_parts.ts";

/** Questions that are asked at a time: the account has others to answer. */
const LANES = 4;
/** Of one metric, so many pages are looked through for the conversation. */
const PAGES_MAX = 5;
const PAGE_SIZE = 1_000;

interface Found {
  readonly happened: readonly Happened[];
  readonly names: readonly DisplayName[];
}

/** The metrics that events are counted by; times within opening hours and rates are made of the same events. */
const countedOf = (catalogue: Catalogue, names: { readonly serviceTimes: string; readonly rates: string }) =>
  catalogue.sections
    .filter((section) => section.name !== names.serviceTimes && section.name !== names.rates)
    .flatMap((section) => section.metrics);

async function factsOf(
  metric: Metric,
  asked: { readonly accountId: string; readonly conversationId: string; readonly times: Instants },
  signal: AbortSignal,
): Promise<{ readonly facts: readonly ExplainedFact[]; readonly names: readonly DisplayName[] }> {
  let pageToken = "";
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await kpis.explainCount(
      {
        accountId: asked.accountId,
        kpiId: metric.id,
        range: instantsOf(asked.times),
        pageSize: PAGE_SIZE,
        pageToken,
        includeNames: true,
      },
      { signal },
    );
    const found = answer.conversations.find((each) => each.conversationId === asked.conversationId);
    if (found) return { facts: [...found.counted, ...found.heldBack], names: answer.names };
    pageToken = answer.nextPageToken;
    if (!pageToken) break;
  }
  return { facts: [], names: [] };
}

export function ConversationCourse({
  explained,
  part,
}: {
  readonly explained: ConversationExplanation;
  readonly part: Part;
}) {
  const { view } = usePage();
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details class="help course" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>{WHY[view.language].course}</summary>
      {isOpen && <Course explained={explained} part={part} />}
    </details>
  );
}

function Course({ explained, part }: { readonly explained: ConversationExplanation; readonly part: Part }) {
  const { view, texts, catalogue } = usePage();
  const own = WHY[view.language];
  const [attempt, setAttempt] = useState(0);
  const { conversationId } = explained;
  const times = timesAround(explained);
  const loaded = useLoaded(
    JSON.stringify([view.account, conversationId, times]),
    async (signal): Promise<Found> => {
      const metrics = countedOf(catalogue, texts);
      const answers: Awaited<ReturnType<typeof factsOf>>[] = [];
      const asked = { accountId: view.account, conversationId, times };
      for (let start = 0; start < metrics.length; start += LANES) {
        const lanes = metrics.slice(start, start + LANES).map((metric) => factsOf(metric, asked, signal));
        answers.push(...(await Promise.all(lanes)));
      }
      const facts = answers.flatMap((answer, place) =>
        answer.facts.map((fact) => ({ metric: metrics[place] as Metric, fact })),
      );
      return { happened: eventsOf(facts), names: answers.flatMap((answer) => answer.names) };
    },
    attempt,
  );
  if (loaded.failure) return <ViewFailure failure={loaded.failure} retry={() => setAttempt((last) => last + 1)} />;
  if (!loaded.value)
    return (
      <p class="help" role="status">
        {texts.loading}
      </p>
    );
  const marked = new Set([...explained.counted, ...explained.heldBack].map((fact) => fact.eventId));
  const names = new Names(loaded.value.names);
  return (
    <>
      <p class="help">{own.courseHelp}</p>
      <ol class="events">
        {loaded.value.happened.map((each) => (
          <Event
            key={`${each.seconds} ${each.eventId}`}
            happened={each}
            part={part}
            isMarked={marked.has(each.eventId) && each.facts.some(({ metric }) => metric === part.metric)}
            names={names}
          />
        ))}
      </ol>
    </>
  );
}

function Event({
  happened,
  part,
  isMarked,
  names,
}: {
  readonly happened: Happened;
  readonly part: Part;
  readonly isMarked: boolean;
  readonly names: Names;
}) {
  const { view, texts, zone } = usePage();
  const { language } = view;
  const own = WHY[language];
  const { facts, seconds, eventId } = happened;
  const said = (metric: Metric, fact: ExplainedFact) => {
    const value = fact.value && names.value(fact.value, metric).text;
    const duration = fact.durationMs === undefined ? undefined : durationText(Number(fact.durationMs), language);
    const more = [value, duration].filter(Boolean).join(", ");
    return more ? `${metric.name}: ${more}` : metric.name;
  };
  return (
    <li class={isMarked ? "event-row marked" : "event-row"}>
      <time>{instantText(seconds, zone, language)}</time>
      <span class="what">
        {facts.map(({ metric, fact }, place) => (
          <span key={place} class={isMarked && metric === part.metric ? "said-of counts" : "said-of"}>
            <bdi>{said(metric, fact)}</bdi>
          </span>
        ))}
        {isMarked && <span class="badge">{own.courseMarked}</span>}
      </span>
      <span class="whose">
        <span class="hidden">{texts.dimensions.operator}: </span>
        <Named label={names.label("operator", facts[0]?.fact.operatorId ?? "", texts.nobody)} />
      </span>
      <span class="event">
        <span class="hidden">{own.event}: </span>
        <bdi class="id">{cleanText(eventId)}</bdi>
      </span>
    </li>
  );
}
