/** The conversations behind a number: what is counted in them, or what is not and by which rule. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { RangeInit } from "../api/slice.ts";
import { Names } from "../format/labels.ts";
import { countText } from "../format/numbers.ts";
import { CompleteNote } from "../parts/complete_note.tsx";
import { copyText } from "../parts/copying.ts";
import { ViewFailure } from "../parts/view_failure.tsx";
import { usePage } from "../state/page.ts";
import { WHY } from "../texts/why.ts";
import { Explaining } from "./why_asked.ts";
import { Conversation, type Copy } from "./why_conversation.tsx";
import { type Pages, usePages } from "./why_pages.ts";
import { type Counted, isAllOf, listedIn, type Part, shownOf } from "./why_parts.ts";

/** Conversations with something to show that are listed at a time. */
const SHOWN_AT_ONCE = 25;

export function WhyList({
  part,
  range,
  days,
  total,
}: {
  readonly part: Part;
  readonly range: RangeInit;
  /** How long it is. */
  readonly days: number;
  /** The facts that are counted, as the number says now. */
  readonly total: Counted;
}) {
  const { view, slice } = usePage();
  const { leftOut, language } = view;
  const own = WHY[language];
  const [attempt, setAttempt] = useState(0);
  const [totalThen, setTotalThen] = useState(total);
  const [said, setSaid] = useState("");
  // What is held back is in no counter of an hour, and what was left out is of whoever was assigned.
  const isNarrowed = !leftOut && totalThen.heldBack === 0 && Object.keys(part.filters).length > 0;
  const explaining = useMemo(() => new Explaining(), []);
  const asked = { accountId: view.account, timeZone: slice.timeZone, range, days, part, isNarrowed };
  const { pages, isLoading, failure, more, stop } = usePages(`${attempt} ${isNarrowed}`, (token, signal) =>
    explaining.page(asked, token, signal),
  );
  const shown = shownOf(pages?.conversations ?? [], leftOut);
  const read = (wanted: number) =>
    more((found) => shownOf(found.conversations, leftOut).length >= wanted || (!leftOut && isAllOf(found, totalThen)));
  useEffect(() => {
    const isDone = pages && (pages.token === "" || (!leftOut && isAllOf(pages, totalThen)));
    if (shown.length < SHOWN_AT_ONCE && !isDone) read(SHOWN_AT_ONCE);
  }, [leftOut, isNarrowed, attempt]);
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
      {shown.length > 0 && <FactHeadings />}
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
        <p class="note looking">
          <span role="status">{own.lookedThrough(countText(shown.length, language))}</span>
          <button type="button" onClick={stop}>
            {own.stop}
          </button>
        </p>
      )}
      {!isLoading && !pages && !failure && (
        <p class="note looking">
          {own.stopped}
          <button type="button" onClick={again}>
            {own.again}
          </button>
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

/** What stands in which column; each fact says it itself to those who do not see columns. */
function FactHeadings() {
  const { view, texts } = usePage();
  const own = WHY[view.language];
  if (view.leftOut) return null;
  const { operator, group, widget } = texts.dimensions;
  return (
    <p class="fact fact-headings" aria-hidden="true">
      {[own.time, operator, group, widget, "", own.event].map((name) => (
        <span key={name}>{name}</span>
      ))}
    </p>
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
