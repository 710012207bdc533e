/** The conversations behind a number: what is counted in them, or what is not and by which rule. */
import { useEffect, useState } from "preact/hooks";
import type { ConversationExplanation, ExplainedFact, LeftOutEvent } from "#stubs/kpi_service_pb.js";
import { kpis } from "../api/clients.ts";
import { filterOf, type RangeInit } from "../api/slice.ts";
import { cleanText, type Label, Names } from "../format/labels.ts";
import { countText, durationText } from "../format/numbers.ts";
import { instantText } from "../format/times.ts";
import { CompleteNote } from "../parts/complete_note.tsx";
import { copyText } from "../parts/copying.ts";
import { Named } from "../parts/named.tsx";
import { ViewFailure } from "../parts/view_failure.tsx";
import { usePage } from "../state/page.ts";
import { WHY } from "../texts/why.ts";
import { type Pages, usePages } from "./why_pages.ts";
import { type Counted, isAllOf, listedIn, type Part, shownOf } from "./why_parts.ts";

/** Conversations that are looked through in one call. */
const PAGE_SIZE = 100;
/** Conversations with something to show that are listed at a time. */
const SHOWN_AT_ONCE = 25;

export function WhyList({
  part,
  range,
  total,
}: {
  readonly part: Part;
  readonly range: RangeInit;
  /** The facts that are counted, as the number says now. */
  readonly total: Counted;
}) {
  const { view, slice } = usePage();
  const { leftOut, language } = view;
  const own = WHY[language];
  const [attempt, setAttempt] = useState(0);
  const [totalThen, setTotalThen] = useState(total);
  const [said, setSaid] = useState("");
  const { pages, isLoading, failure, more } = usePages(String(attempt), (pageToken, signal) =>
    kpis.explainCount(
      {
        accountId: view.account,
        kpiId: part.metric.id,
        range,
        timeZone: slice.timeZone,
        filter: filterOf(part.filters),
        pageSize: PAGE_SIZE,
        pageToken,
        includeNames: true,
      },
      { signal },
    ),
  );
  const shown = shownOf(pages?.conversations ?? [], leftOut);
  const read = (wanted: number) =>
    more((found) => shownOf(found.conversations, leftOut).length >= wanted || (!leftOut && isAllOf(found, totalThen)));
  useEffect(() => {
    const isDone = pages && (pages.token === "" || (!leftOut && isAllOf(pages, totalThen)));
    if (shown.length < SHOWN_AT_ONCE && !isDone) read(SHOWN_AT_ONCE);
  }, [leftOut, attempt]);
  const again = () => {
    setTotalThen(total);
    setAttempt((last) => last + 1);
  };
  const copy = async (text: string, done: string) => setSaid((await copyText(text)) ? done : own.notCopied);
  const ids = shown.map((each) => each.conversationId);
  const hasMore = pages?.token && (leftOut || !isAllOf(pages, totalThen));
  return (
    <section>
      <ListControls ids={ids} said={said} copy={copy} />
      {(total.counted !== totalThen.counted || total.heldBack !== totalThen.heldBack) && (
        <p class="note">
          {own.moved(countText(total.counted, language))}{" "}
          <button type="button" onClick={again}>
            {own.again}
          </button>
        </p>
      )}
      {leftOut && <p class="help">{own.leftOutHelp}</p>}
      {pages && <Summary pages={pages} isLoading={isLoading} total={totalThen} />}
      {pages && (
        <ol class="conversations">
          {shown.map((each) => (
            <Conversation
              key={each.conversationId}
              explained={each}
              part={part}
              names={new Names(pages.names)}
              copy={copy}
            />
          ))}
        </ol>
      )}
      {isLoading && (
        <p class="note" role="status">
          {own.lookedThrough(countText(shown.length, language))}
        </p>
      )}
      {failure && <ViewFailure failure={failure} retry={() => (pages ? read(shown.length + 1) : again())} />}
      {hasMore && !isLoading && (
        <button type="button" class="main" onClick={() => read(shown.length + SHOWN_AT_ONCE)}>
          {own.more}
        </button>
      )}
      {pages && <CompleteNote seconds={pages.completeUntil} answers={[]} />}
    </section>
  );
}

/** Which list it is, and all its conversations to copy. */
function ListControls({
  ids,
  said,
  copy,
}: {
  readonly ids: readonly string[];
  readonly said: string;
  readonly copy: Copy;
}) {
  const { view, go } = usePage();
  const own = WHY[view.language];
  const count = countText(ids.length, view.language);
  return (
    <div class="controls">
      <div class="choice" role="group" aria-label={own.shown}>
        {[false, true].map((leftOut) => (
          <button
            key={String(leftOut)}
            type="button"
            aria-pressed={view.leftOut === leftOut}
            onClick={() => go({ leftOut }, "replace")}
          >
            {leftOut ? own.leftOut : own.counted}
          </button>
        ))}
      </div>
      {ids.length > 0 && (
        <button type="button" onClick={() => copy(ids.join("\n"), own.copiedAll(count))}>
          {own.copyAll(count)}
        </button>
      )}
      <span class="said" role="status">
        {said}
      </span>
    </div>
  );
}

function Summary({
  pages,
  isLoading,
  total,
}: {
  readonly pages: Pages;
  readonly isLoading: boolean;
  readonly total: Counted;
}) {
  const { view } = usePage();
  const { language, leftOut } = view;
  const own = WHY[language];
  const { counted, heldBack, leftOut: events } = listedIn(pages.conversations);
  const shown = countText(shownOf(pages.conversations, leftOut).length, language);
  const text = (count: number) => countText(count, language);
  const isAll = isAllOf(pages, total);
  const isEmpty = shownOf(pages.conversations, leftOut).length === 0;
  if (isEmpty && pages.token && (leftOut || !isAll)) return isLoading ? null : <p class="note">{own.noneYet}</p>;
  return (
    <>
      {isEmpty && <p class="note empty">{leftOut ? own.noneLeftOut : own.noneCounted}</p>}
      {!isEmpty && (
        <p>
          {leftOut
            ? own.leftOutSoFar(text(events), shown)
            : isAll
              ? own.countedAll(text(counted), shown)
              : own.countedSoFar(text(counted), text(total.counted), shown)}
          {!leftOut && heldBack > 0 && ` · ${own.heldSoFar(text(heldBack))}`}
        </p>
      )}
      {!leftOut && pages.unexplainable > 0 && <p class="note">{own.unexplainable(text(pages.unexplainable))}</p>}
    </>
  );
}

type Copy = (text: string, done: string) => void;

function Conversation({
  explained,
  part,
  names,
  copy,
}: {
  readonly explained: ConversationExplanation;
  readonly part: Part;
  readonly names: Names;
  readonly copy: Copy;
}) {
  const { view } = usePage();
  const own = WHY[view.language];
  const { conversationId, counted, heldBack, leftOut } = explained;
  return (
    <li class="conversation">
      <h2>
        <span class="help">{own.conversation}</span> <bdi class="id">{cleanText(conversationId)}</bdi>
        <CopyButton id={conversationId} label={own.copyConversation(cleanText(conversationId))} copy={copy} />
      </h2>
      <ul>
        {view.leftOut
          ? leftOut.map((event, place) => <LeftOut key={place} event={event} copy={copy} />)
          : [...counted, ...heldBack].map((fact, place) => (
              <Fact key={place} fact={fact} isHeld={place >= counted.length} part={part} names={names} copy={copy} />
            ))}
      </ul>
      {!view.leftOut && leftOut.length > 0 && (
        <details class="help">
          <summary>{own.leftOutToo(leftOut.length)}</summary>
          <ul>
            {leftOut.map((event, place) => (
              <LeftOut key={place} event={event} copy={copy} />
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

function Fact({
  fact,
  isHeld,
  part,
  names,
  copy,
}: {
  readonly fact: ExplainedFact;
  readonly isHeld: boolean;
  readonly part: Part;
  readonly names: Names;
  readonly copy: Copy;
}) {
  const { view, texts, zone } = usePage();
  const { language } = view;
  const own = WHY[language];
  const named = (dimension: "operator" | "group" | "widget", id: string) => (
    <Field name={texts.dimensions[dimension]} label={names.label(dimension, id, texts.nobody)} />
  );
  return (
    <li class="fact">
      <span>
        <span class="hidden">{own.time}: </span>
        {instantText(Number(fact.instant?.seconds ?? 0n), zone, language)}
        {isHeld && (
          <span class="badge" title={own.heldBackHelp}>
            {own.heldBack}
          </span>
        )}
      </span>
      {named("operator", fact.operatorId)}
      {named("group", fact.operatorGroupId)}
      {named("widget", fact.widgetId)}
      <span class="what">
        {fact.value && <Field name={own.value} label={names.value(fact.value, part.metric)} />}
        {fact.durationMs !== undefined && (
          <Field name={own.duration} label={{ text: durationText(Number(fact.durationMs), language), id: "" }} />
        )}
      </span>
      <EventId id={fact.eventId} copy={copy} />
    </li>
  );
}

function LeftOut({ event, copy }: { readonly event: LeftOutEvent; readonly copy: Copy }) {
  const { view, zone } = usePage();
  const own = WHY[view.language];
  const words = own.rules[event.rule];
  return (
    <li class="fact left-out">
      <span>
        <span class="hidden">{own.time}: </span>
        {instantText(Number(event.occurTime?.seconds ?? 0n), zone, view.language)}
      </span>
      <span class="reason" title={event.rule}>
        <span class="hidden">{own.reason}: </span>
        <span lang={words ? undefined : "en"}>{words ?? cleanText(event.description)}</span>{" "}
        <code>{cleanText(event.rule)}</code>
      </span>
      <EventId id={event.eventId} copy={copy} />
    </li>
  );
}

function Field({ name, label }: { readonly name: string; readonly label: Label }) {
  return (
    <span class="field">
      <span class="hidden">{name}: </span>
      <Named label={label} />
    </span>
  );
}

function EventId({ id, copy }: { readonly id: string; readonly copy: Copy }) {
  const own = WHY[usePage().view.language];
  return (
    <span class="event">
      <span class="help">{own.event} </span>
      <bdi class="id" title={cleanText(id)}>
        {cleanText(id)}
      </bdi>
      <CopyButton id={id} label={own.copyEvent(cleanText(id))} copy={copy} />
    </span>
  );
}

function CopyButton({ id, label, copy }: { readonly id: string; readonly label: string; readonly copy: Copy }) {
  const own = WHY[usePage().view.language];
  return (
    <button
      type="button"
      class="copy"
      aria-label={label}
      title={label}
      onClick={() => copy(id, own.copied(cleanText(id)))}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d="M5 1h8a2 2 0 0 1 2 2v8h-2V3H5zM3 5h6a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zm0 2v6h6V7z" />
      </svg>
    </button>
  );
}
