"""The law of the cache: what it holds is the most lately used that fits, and never more bytes than allowed."""

from collections import OrderedDict

from hypothesis import given, strategies as st

from telwerkd.process.bounded_cache import BoundedCache

KEYS = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 12)),
        st.tuples(st.just("use"), KEYS, st.just(0)),
        st.tuples(st.just("drop"), KEYS, st.just(0)),
    ),
    max_size=30,
)


@given(STEPS, st.integers(0, 20))
def test_the_most_lately_used_that_fit_are_kept(steps: list[tuple[str, str, int]], bytes_max: int) -> None:
    cache: BoundedCache[str, int] = BoundedCache(bytes_max)
    expected: OrderedDict[str, int] = OrderedDict()
    for place, (step, key, size) in enumerate(steps):
        if step == "use":
            cache.use(key)
            if key in expected:
                expected.move_to_end(key)
            continue
        expected.pop(key, None)
        if step == "drop":
            cache.drop(key)
        else:
            cache.put(key, size * 1_000 + place, size)
            if size <= bytes_max:
                expected[key] = size * 1_000 + place
            while sum(value // 1_000 for value in expected.values()) > bytes_max:
                expected.popitem(last=False)
        assert {each: cache.peek(each) for each in "abcd"} == {each: expected.get(each) for each in "abcd"}
