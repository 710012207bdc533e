/** The frame around every view: where one is, which days, what is filtered, and what holds for all numbers. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { serverNow } from "../api/clock.ts";
import { heldKey, holdKey } from "../api/session.ts";
import { cleanText } from "../format/labels.ts";
import { durationText } from "../format/numbers.ts";
import { spanText } from "../format/times.ts";
import { isZoneKnown, localTime, plusDays } from "../state/day.ts";
import { hrefOf, LEAVING, usePage } from "../state/page.ts";
import { isRunning } from "../state/period.ts";
import { filtersOnward } from "../state/trail.ts";
import { LANGUAGES, type Language, type View } from "../state/view.ts";
import { copyText } from "./copying.ts";
import { FilterBar } from "./filter_bar.tsx";
import { Link } from "./link.tsx";
import { GranularityMenu, PeriodMenu } from "./period_menu.tsx";
import { ThemeMenu } from "./theme.tsx";

const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: "English", nl: "Nederlands", de: "Deutsch" };
/** A clock that is off by less is nobody's trouble. */
const CLOCK_SECONDS_MAX = 120;

export function Shell({
  clockBehind,
  children,
}: {
  readonly clockBehind: number;
  readonly children: ComponentChildren;
}) {
  const { view, texts, zone, slice } = usePage();
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it does lead to a place on the page, by another way than its address. */}
      <a class="skip" href="#numbers" onClick={skip}>
        {texts.skip}
      </a>
      <header>
        <Heading />
        <div class="asked">
          <PeriodMenu />
          {view.view !== "why" && <GranularityMenu />}
          <FilterBar />
        </div>
      </header>
      <main id="numbers" tabIndex={-1}>
        <p class="span">
          {/* An explanation says itself of which range it is: it may be of one bucket. */}
          {view.view !== "why" && <strong>{spanText(slice.span, view.language)} · </strong>}
          {texts.timesIn(zone)}
        </p>
        {!isZoneKnown(zone) && <p class="note">{texts.zoneUnknown(zone)}</p>}
        {Math.abs(clockBehind) > CLOCK_SECONDS_MAX && (
          <p class="note">{texts.clockWrong(durationText(Math.abs(clockBehind) * 1000, view.language))}</p>
        )}
        {children}
      </main>
      <Footer />
    </>
  );
}

/** To the numbers, leaving the address as it is: it may say behind its "#" what is looked at. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("numbers")?.focus();
}

function Heading() {
  const { view, texts, live, go } = usePage();
  const liveText = { off: texts.live, connecting: texts.liveConnecting, on: texts.liveOn, lost: texts.liveLost }[live];
  return (
    <div class="heading">
      <Link
        class="home"
        change={{ view: "overview", metric: "", at: undefined, picked: [], filters: filtersOnward(view) }}
      >
        <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
          <rect width="32" height="32" rx="7" />
          <path d="M7 22V13M13 22V9M19 22V16M25 22V6" />
        </svg>
        Telwerk
      </Link>
      <button type="button" class="quiet account" title={texts.otherAccount} onClick={() => go(LEAVING)}>
        {cleanText(view.account)}
      </button>
      <Navigation />
      <span class="spacer" />
      <label class={`live ${live}`}>
        <input
          type="checkbox"
          aria-label={texts.live}
          checked={view.live}
          onChange={(event) => go({ live: event.currentTarget.checked })}
        />
        <span aria-hidden="true" class="dot" />
        <span role="status">{liveText}</span>
      </label>
      <CopyLink />
      <button type="button" class="quiet print" onClick={() => globalThis.print()}>
        {texts.print}
      </button>
    </div>
  );
}

/** The address of what is seen. A period that is over is named by its days: "last week" will be another one. */
function CopyLink() {
  const { view, texts, slice, zone } = usePage();
  const [said, setSaid] = useState("");
  useEffect(() => setSaid(""), [view]);
  const copy = async () => {
    const { start, end } = slice.span;
    const isOver = !isRunning(slice.span, localTime(serverNow(), zone).day);
    const href = hrefOf(view, isOver ? { period: { first: start, last: plusDays(end, -1) } } : {});
    setSaid((await copyText(new URL(href, location.href).href)) ? texts.linkCopied : texts.linkNotCopied);
  };
  return (
    <>
      <span class="said" role="status">
        {said}
      </span>
      <button type="button" class="quiet copy-link" title={texts.copyLinkHelp} onClick={() => void copy()}>
        {texts.copyLink}
      </button>
    </>
  );
}

/** What is chosen once. */
function Footer() {
  const { view, texts, go } = usePage();
  return (
    <footer>
      <label class="menu">
        <span>{texts.language}</span>
        <select
          name="language"
          value={view.language}
          onChange={(event) => go({ language: event.currentTarget.value as Language }, "replace")}
        >
          {LANGUAGES.map((language) => (
            <option key={language} value={language} lang={language}>
              {LANGUAGE_NAMES[language]}
            </option>
          ))}
        </select>
      </label>
      <ThemeMenu texts={texts} />
      {heldKey() && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            holdKey("");
            location.reload();
          }}
        >
          {texts.forgetKey}
        </button>
      )}
    </footer>
  );
}

function Navigation() {
  const { view, texts } = usePage();
  const onward = { at: undefined, filters: filtersOnward(view) };
  const tabs: readonly [Exclude<View["view"], "why">, Partial<View>][] = [
    ["overview", { view: "overview", ...onward }],
    ["compare", { view: "compare", ...onward }],
    ["metric", { view: "metric", ...onward }],
  ];
  return (
    <nav aria-label="Telwerk">
      {tabs.map(([name, change]) => (
        <Link key={name} change={change} current={view.view === name}>
          {texts.views[name]}
        </Link>
      ))}
      {view.view === "why" && (
        <a aria-current="page" href={hrefOf(view, {})}>
          {texts.why}
        </a>
      )}
    </nav>
  );
}
