/** One conversation behind a number: its facts and what was left out, each with the event that it comes from. */
import type { ConversationExplanation, ExplainedFact, LeftOutEvent } from "#stubs/kpi_service_pb.js";
import { cleanText, type Label, type Names } from "../format/labels.ts";
import { durationText } from "../format/numbers.ts";
import { instantText } from "../format/times.ts";
import { Named } from "../parts/named.tsx";
import { usePage } from "../state/page.ts";
import { WHY } from "../texts/why.ts";
import { ConversationCourse } from "./why_course.tsx";
import type { Part } from "./why_parts.ts";

export type Copy = (text: string, done: string) => void;

export function Conversation({
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
      <ConversationCourse explained={explained} part={part} />
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
