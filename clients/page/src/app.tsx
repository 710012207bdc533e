/** The page: reads the address, asks for what every view needs, and shows the view. */
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { loadCatalogue } from "./api/catalogue.ts";
import { settings } from "./api/clients.ts";
import { clockBehind, serverNow } from "./api/clock.ts";
import type { Failure } from "./api/errors.ts";
import { type LiveState, watch } from "./api/live.ts";
import { GRANULARITY_OF, sliceOf } from "./api/slice.ts";
import { cleanText } from "./format/labels.ts";
import { useLoaded } from "./parts/loading.ts";
import { Shell } from "./parts/shell.tsx";
import { AccountForm, KeyForm } from "./parts/sign_in.tsx";
import { FailureNote } from "./parts/states.tsx";
import { LEAVING, type Page, PageContext, textsOf } from "./state/page.ts";
import { remember } from "./state/trail.ts";
import { addressOf, LANGUAGES, type Language, searchIn, type View, viewOf } from "./state/view.ts";
import { CompareView } from "./views/compare.tsx";
import { MetricView } from "./views/metric.tsx";
import { OverviewView } from "./views/overview.tsx";
import { WhyView } from "./views/why.tsx";

const BROWSER_LANGUAGE: Language =
  navigator.languages.map((tag) => LANGUAGES.find((language) => tag.startsWith(language))).find(Boolean) ?? "en";

/** A period like "today" is another one tomorrow: what is shown is of the day it was asked on, checked so often. */
const DAY_CHECK_MS = 60_000;

export function App() {
  const [view, setView] = useState(() => viewOf(searchIn(location), BROWSER_LANGUAGE));
  const go = useCallback<Page["go"]>((change, how = "push") => {
    setView((last) => {
      const next = { ...last, ...change };
      history[how === "push" ? "pushState" : "replaceState"](null, "", addressOf(next));
      return next;
    });
  }, []);
  useEffect(() => {
    const back = () => setView(viewOf(searchIn(location), BROWSER_LANGUAGE));
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  useEffect(() => {
    document.documentElement.lang = view.language;
  }, [view.language]);
  const texts = textsOf(view);
  useEffect(() => {
    const name = view.view === "why" ? texts.why : texts.views[view.view];
    document.title = view.account ? `${name} · ${cleanText(view.account)} · Telwerk` : "Telwerk";
  }, [view.view, view.account, texts]);
  if (!view.account) return <AccountForm texts={texts} open={(account) => go({ account })} />;
  return <AccountPage key={view.account} view={view} go={go} />;
}

/** What every view of an account needs: its time zone, and the catalogue in the reader's language. */
function AccountPage({ view, go }: { readonly view: View; readonly go: Page["go"] }) {
  const texts = textsOf(view);
  const [attempt, setAttempt] = useState(0);
  const [refusal, setRefusal] = useState<Failure>();
  const needed = useLoaded(`${view.account} ${view.language} ${attempt}`, async (signal) => {
    const [catalogue, account] = await Promise.all([
      loadCatalogue(view.language, texts, signal),
      settings.getAccountSettings({ accountId: view.account }, { signal }),
    ]);
    return { catalogue, zone: account.settings?.timeZone || "UTC" };
  });
  const failure = refusal ?? needed.failure;
  const retry = () => {
    setRefusal(undefined);
    setAttempt((last) => last + 1);
  };
  const leave = () => go(LEAVING);
  if (failure?.kind === "key" || failure?.kind === "permission")
    return <KeyForm texts={texts} failure={failure} done={retry} leave={leave} />;
  if (failure)
    return (
      <main>
        <FailureNote failure={failure} texts={texts} retry={retry} />
        <button type="button" class="quiet" onClick={leave}>
          {texts.otherAccount}
        </button>
      </main>
    );
  if (!needed.value)
    return (
      <main>
        <p role="status">{texts.loading}</p>
      </main>
    );
  return <Views key={attempt} view={view} go={go} {...needed.value} refused={setRefusal} />;
}

function Views({
  view,
  go,
  catalogue,
  zone,
  refused,
}: Pick<Page, "view" | "go" | "catalogue" | "zone"> & { readonly refused: (failure: Failure) => void }) {
  const [tick, setTick] = useState(0);
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow), DAY_CHECK_MS);
    return () => clearInterval(timer);
  }, []);
  // The comparison of a running period moves on by quarter-hours: so does the question, also where nobody touches it.
  const quarterHour = now - (now % 900);
  const slice = useMemo(
    () => sliceOf(view, quarterHour, zone),
    [view.account, view.period, view.filters, zone, quarterHour],
  );
  // Before anything is drawn: links lead back to what it says.
  remember(view);
  const retry = () => setTick((last) => last + 1);
  const live = useLive(view, slice, catalogue, retry);
  const page: Page = { view, texts: textsOf(view), catalogue, zone, slice, tick, live, go, refused, retry };
  return (
    <PageContext.Provider value={page}>
      <Shell clockBehind={clockBehind()}>
        {view.view === "overview" && <OverviewView />}
        {view.view === "compare" && <CompareView />}
        {view.view === "metric" && <MetricView />}
        {view.view === "why" && <WhyView />}
      </Shell>
    </PageContext.Provider>
  );
}

/** The state of the watch, which runs while the view is live. */
function useLive(view: View, slice: Page["slice"], catalogue: Page["catalogue"], changed: () => void): LiveState {
  const [state, setState] = useState<LiveState>("off");
  const latest = useRef(changed);
  latest.current = changed;
  const ids = useMemo(
    () => [...catalogue.metrics.values()].filter((metric) => metric.figure === "count" && metric.terms === undefined),
    [catalogue],
  );
  useEffect(() => {
    if (!view.live) {
      setState("off");
      return undefined;
    }
    const ending = new AbortController();
    void watch(
      {
        accountId: view.account,
        kpiIds: ids.map((metric) => metric.id).slice(0, 40),
        range: slice.range,
        granularity: GRANULARITY_OF.auto,
        timeZone: slice.timeZone,
      },
      { state: setState, changed: () => latest.current() },
      ending.signal,
    );
    return () => ending.abort();
  }, [view.live, view.account, JSON.stringify(slice.span), ids]);
  return state;
}
