"""Which pages reach which goals: the comment of `Goal.url` in the contract, sentence by sentence."""

import string

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.conversation.goals import Goal, GoalMatcher, matches, normalize, url_digest, valid_url
from telwerkd.domain.ids import GoalId

GOAL = "https://shop.example/prices"


@pytest.mark.parametrize(
    ("goal", "page"),
    [
        (GOAL, "https://shop.example/prices"),
        (GOAL, "HTTPS://Shop.Example/prices"),
        (GOAL, "https://shop.example:443/prices"),
        (GOAL, "https://shop.example:/prices"),
        (GOAL, "https://shop.example/prices/"),
        (GOAL, "https://shop.example/prices?utm_source=mail&page=2"),
        (GOAL, "https://shop.example/prices#top"),
        (GOAL, "https://shop.example/%70rices"),
        (GOAL, "https://anna@shop.example/prices"),
        (GOAL + "/", "https://shop.example/prices"),
        (GOAL + "#top", "https://shop.example/prices#bottom"),
        (GOAL + "?", "https://shop.example/prices?page=2"),
        (GOAL + "?page=2", "https://shop.example/prices?page=2#top"),
        (GOAL + "?page=2", "https://shop.example/prices/?page=%32"),
        ("http://shop.example:80", "http://shop.example/"),
        ("https://shop.example/~anna", "https://shop.example/%7Eanna"),
        ("https://shop.example/a%2fb", "https://shop.example/a%2Fb"),
        ("https://shop.example/café", "https://shop.example/caf%C3%A9"),
        ("https://shop.example/100%", "https://shop.example/100%25"),
        ("https://münster.example/", "https://xn--mnster-3ya.example"),
        ("https://MÜNSTER.example/", "https://münster.example"),
        ("https://straße.example/", "https://xn--strae-oqa.example"),
        ("https://ΟΔΟΣ.example/", "https://οδοσ.example"),
        ("https://例え。example/", "https://例え.example"),
        ("http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80"),
    ],
)
def test_matching(goal: str, page: str) -> None:
    """A page matches in every spelling of scheme, host, port, path and query, with or without a trailing slash.

    R-KPI7-7, R-KPI7-8.
    """
    assert matches(goal, page)


@pytest.mark.parametrize(
    ("goal", "page"),
    [
        (GOAL, "http://shop.example/prices"),
        (GOAL, "https://www.shop.example/prices"),
        (GOAL, "https://shop.example:8443/prices"),
        (GOAL, "https://shop.example:80/prices"),
        (GOAL, "https://shop.example/Prices"),
        (GOAL, "https://shop.example/prices/pro"),
        (GOAL, "https://shop.example/"),
        (GOAL + "?page=2", "https://shop.example/prices"),
        (GOAL + "?page=2", "https://shop.example/prices?page=3"),
        (GOAL + "?page=2", "https://shop.example/prices?page=2&sort=up"),
        ("https://shop.example/a%2Fb", "https://shop.example/a/b"),
        ("https://shop.example/a%3Fb", "https://shop.example/a?b"),
        ("https://strasse.example/", "https://straße.example"),
    ],
)
def test_not_matching(goal: str, page: str) -> None:
    """A page does not match if scheme, host, port, path, or the query that the goal has, is another (R-KPI7-7)."""
    assert not matches(goal, page)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "does not begin with http"),
        ("/prices", "does not begin with http"),
        ("//shop.example/prices", "does not begin with http"),
        ("shop.example", "does not begin with http"),
        ("ftp://shop.example", "does not begin with http"),
        ("javascript:alert(1)", "does not begin with http"),
        ("https:shop.example", "names no host"),
        ("https:///prices", "names no host"),
        ("https://:443/", "names no host"),
        ("https://anna@/", "names no host"),
        ("https://shop.example:99999/", "port"),
        ("https://shop.example:http/", "port"),
        ("https://shop.example:-1/", "port"),
        ("https://[::1/", "malformed"),
        ("https://::1]/", "malformed"),
        ("https://shop\u2100example/", "malformed"),
        ("https://a:b:c/", "port"),
        ("https://shop .example/", "blank"),
        (" https://shop.example/", "blank"),
        ("https://shop.example/\n", "blank"),
        ("https://shop.example/\x00", "blank"),
        ("https://shop%2Eexample/", "no host has"),
        ("https://shop\\example/", "no host has"),
        ("https://<shop>/", "no host has"),
        ("https://shop\uff1cexample/", "no host has"),
    ],
)
def test_not_valid(url: str, reason: str) -> None:
    """What is not an absolute http or https URL is refused with a reason, reaches no goal and is no goal (R-KPI7-9)."""
    assert reason in (valid_url(url) or "")
    assert GoalMatcher([Goal(GoalId("prices"), GOAL)]).match(url) == ()
    assert GoalMatcher([Goal(GoalId("odd"), url)]).match(url) == ()
    with pytest.raises(ValueError, match=reason):
        matches(url, GOAL)


urls = st.one_of(
    st.text(),
    st.text("/:?#[]@%.\\ aé。１", max_size=12).map("https://".__add__),
    st.text(string.printable, max_size=20).map("http://shop.example".__add__),
)


@settings(deadline=None)
@given(urls)
def test_total(url: str) -> None:
    """Any text at all is either a URL, which then matches itself, or refused with a reason."""
    reason = valid_url(url)
    if reason is None:
        assert matches(url, url)
    else:
        assert reason.startswith("the URL")
    assert len(GoalMatcher([Goal(GoalId("it"), url)]).match(url)) == (reason is None)


paths = st.text("abcé %?/~+&=", max_size=12).map(lambda text: text.replace(" ", "%20"))


@settings(deadline=None)
@given(paths)
def test_normalizing_twice(path: str) -> None:
    """A normalised URL is its own normal form."""
    first = normalize("https://shop.example/" + path.replace("?", ""))
    assert normalize(f"{first.scheme}://{first.host}:{first.port}{first.path}") == first


@settings(deadline=None)
@given(paths.map(lambda path: path.replace("?", "")))
def test_trailing_slash(path: str) -> None:
    """A slash more or less at the end of the path makes no difference (R-KPI7-8)."""
    assert matches(f"https://shop.example/{path}", f"https://shop.example/{path}/")


goals = st.lists(
    st.builds(
        Goal,
        st.sampled_from("abc").map(GoalId),
        st.sampled_from([GOAL, GOAL + "/", GOAL + "?page=2", GOAL + "?page=3", "https://shop.example", "no url"]),
    )
)


@settings(deadline=None)
@given(goals, st.sampled_from([GOAL, GOAL + "?page=2", GOAL + "?page=4", "https://shop.example/#x", "no url"]))
def test_matcher(goals: list[Goal], url: str) -> None:
    """The matcher gives the ids of all goals that match one by one, sorted, each once."""
    valid = [goal for goal in goals if not valid_url(goal.url) and not valid_url(url)]
    assert GoalMatcher(goals).match(url) == tuple(sorted({g.goal_id for g in valid if matches(g.url, url)}))


@settings(deadline=None)
@given(st.text(), st.text())
def test_digest(one: str, other: str) -> None:
    """A digest is 16 bytes, and tells apart even two spellings of one address: it is of the URL as sent."""
    assert len(url_digest(one)) == 16
    assert (url_digest(one) == url_digest(other)) == (one == other)
