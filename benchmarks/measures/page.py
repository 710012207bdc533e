"""W1 to W4: how soon the page is drawn, what there is to fetch for it and what it holds, in a Chromium unseen."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.bench import Bench, Feed
from benchmarks.results import Bar, Line, Missing, Row
from benchmarks.servers import telwerkd
from benchmarks.workload import ACCOUNT, CHAT_EVENTS, START_SECONDS, Workload
from telwerk import Telwerk, events
from telwerkd.transport.http.page import BUILT, is_built

_DAYS: Final = 365
_OPERATORS: Final = 50
_PAINT_MS: Final = 1_500.0
_SCRIPT_KB: Final = 200.0
_DRAWING_MS: Final = 150.0
_LIVE_ACCOUNT: Final = "live"
_LIVE_SECONDS: Final = 3_600.0
_COMMITS_PER_SECOND: Final = 10
_LOOKS: Final = 12
"""At what a live page holds, in all of its time."""
_WAIT_SECONDS: Final = 60.0
_LOOK_MS: Final = 20

_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_SCRIPT = (
    "performance.getEntriesByType('resource').filter(one => one.name.endsWith('.js'))"
    ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
)
_SWITCH = """
query => {
  performance.clearResourceTimings();
  const begun = performance.now();
  history.pushState(null, "", query);
  dispatchEvent(new PopStateEvent("popstate"));
  return begun;
}
"""
"""As a reader who goes back and forth; the address is all that a view is made of."""
_DRAWN = """
([begun, views]) => {
  const marks = performance.getEntriesByName("view-drawn").filter(mark => mark.startTime >= begun);
  const times = views.map(view => marks.findLast(mark => mark.detail === view)?.startTime);
  return times.includes(undefined) ? null : Math.max(...times);
}
"""
_CALLS = """
begun => performance.getEntriesByType("resource")
  .filter(one => one.name.includes("/telwerk.v1.") && one.startTime >= begun)
  .map(one => [one.startTime, one.responseEnd])
"""


def in_a_browser(bench: Bench) -> Iterator[Line]:
    """The first three on a year of one account, the last on what comes in meanwhile."""
    try:
        from support.browser import executable, launched  # noqa: PLC0415  # Playwright is not everybody's
    except ImportError:
        yield Missing("W1", "the page", "Playwright is not installed: make bench")
        return
    path = executable()
    if path is None or not is_built(BUILT):
        yield Missing("W1", "the page", "no Chromium: make browser" if path is None else "it was not built: make page")
        return
    with telwerkd(http=True) as server, launched(path) as browser:
        url = f"http://{server.http_address}/"
        if bench.wants("W1", "W2", "W3"):
            conversations = bench.scale.stored_events // 2 // CHAT_EVENTS
            workload = Workload(operators=_OPERATORS, conversations_per_day=conversations / _DAYS)
            bench.load(server, Feed(workload).take(conversations))
            yield from _measured(bench, browser, url)
        if "W4" in bench.only:
            yield _held(bench, browser, url, server.address)


def _measured(bench: Bench, browser: Any, url: str) -> Iterator[Line]:
    paints: list[tuple[float, float]] = []
    scripts: list[tuple[float, float]] = []
    switches: dict[str, list[tuple[float, float]]] = {"overview": [], "compare": []}
    notes: dict[str, list[float]] = {"overview": [], "compare": []}
    for number in bench.pairs("W1"):
        session = browser.new_context(viewport={"width": 1280, "height": 800})
        page = session.new_page()
        page.goto(url + _query("overview", 7, number))
        _drawn(page, 0, ["overview"])
        paints.append((page.evaluate(_PAINT), _PAINT_MS))
        scripts.append((page.evaluate(_SCRIPT) / 1e3, _SCRIPT_KB))
        for view, marks in (("overview", ["overview"]), ("compare", ["compared", "overlaid"])):
            _switched(page, _query(view, 28, number), marks)
            whole, calls = _switched(page, _query(view, _DAYS, number), marks)
            switches[view].append((whole - calls, _DRAWING_MS))
            notes[view].append(calls)
        session.close()
    yield Row("W1", "first contentful paint", "bar", "ms", paints, Bar("≤", 1))
    yield Row("W2", "script, compressed", "bar", "kB", scripts, Bar("≤", 1))
    for view, pairs in switches.items():
        note = f"its calls take {median(notes[view]):.0f} ms"
        yield Row("W3", f"switch of {view} to {_DAYS} days", "bar", "ms", pairs, Bar("≤", 1), note)


def _held(bench: Bench, browser: Any, url: str, address: str) -> Row:
    """W4: what a live page holds in the end, beside what it held after a tenth of the time."""
    seconds = _LIVE_SECONDS if bench.scale.whole else _LIVE_SECONDS / 30
    page = browser.new_page()
    page.goto(f"{url}?{urlencode({'account': _LIVE_ACCOUNT, 'period': 'today', 'live': 1})}")
    _drawn(page, 0, ["overview"])
    sent, begun = bench.sender.start(commit_often, address, seconds), time.monotonic()
    page.wait_for_timeout(seconds / 10 * 1e3)
    before = _heap_mb(page)
    bench.say(f"W4: {before:.1f} MB after a tenth of {seconds:g} s")
    between, looks = [before], 1
    while not sent.done():
        page.wait_for_timeout(_LOOK_MS * 50)
        if time.monotonic() - begun > looks * seconds / _LOOKS:
            between.append(_heap_mb(page))
            looks += 1
            bench.say(f"W4: {between[-1]:.2f} MB, {_elements(page)} elements")
    note = f"{sent.result():,} commits in {seconds:g} s; {min(between):.1f} to {max(between):.1f} MB in between"
    return Row("W4", "a live page's memory", "after a tenth", "MB", [(_heap_mb(page), before)], Bar("≤", 1.1), note)


def commit_often(address: str, seconds: float) -> int:
    """Sends an event of now in a call of its own, ten times a second; how many."""
    begun, sent = time.monotonic(), 0
    with Telwerk(address) as telwerk:
        while (late := time.monotonic() - begun) < seconds:
            event = events.message_sent(
                f"live-{sent // 4}", widget="web", event_id=str(sent), at=datetime.now(UTC), sender="contact"
            )
            telwerk.ingest(_LIVE_ACCOUNT, [event])
            sent += 1
            time.sleep(max(0.0, sent / _COMMITS_PER_SECOND - late))
    return sent


def _heap_mb(page: Any) -> float:
    """What the page's script holds, once nothing is in it that nobody needs."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used) / 1e6


def _elements(page: Any) -> int:
    return int(page.evaluate("document.getElementsByTagName('*').length"))


def _query(view: str, days: int, number: int) -> str:
    """The address of a view of the last days; of no day that was asked about before."""
    last = datetime.fromtimestamp(START_SECONDS, UTC) + timedelta(days=_DAYS - 1 - number)
    fields: dict[str, Any] = {
        "account": ACCOUNT,
        "view": view,
        "from": f"{last - timedelta(days=days - 1):%Y-%m-%d}",
        "to": f"{last:%Y-%m-%d}",
        "granularity": "day",
        "language": "en",
    }
    if view == "compare":
        fields |= {"by": "operator", "top": _OPERATORS, "metric": "conversations_received"}
        fields |= {"pick": [f"op-{operator:04}" for operator in range(_OPERATORS)]}
    return f"?{urlencode(fields, doseq=True)}"


def _switched(page: Any, query: str, views: Sequence[str]) -> tuple[float, float]:
    """Milliseconds until another view was drawn, and those in which a call was under way."""
    begun = page.evaluate(_SWITCH, query)
    drawn = _drawn(page, begun, views)
    calls = sorted(call for call in page.evaluate(_CALLS, begun) if call[0] <= drawn)
    busy, until = 0.0, begun
    for start, end in calls:
        busy += max(0.0, min(end, drawn) - max(start, until))
        until = max(until, end)
    return drawn - begun, busy


def _drawn(page: Any, begun: float, views: Sequence[str]) -> float:
    """When the views were drawn since then, all of them."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while (drawn := page.evaluate(_DRAWN, [begun, list(views)])) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"never drawn: {', '.join(views)}")
        page.wait_for_timeout(_LOOK_MS)
    return float(drawn)
