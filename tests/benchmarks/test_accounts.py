"""R10's load: the same for a hundred accounts as for one."""

from collections import Counter, defaultdict
from itertools import islice

from benchmarks.measures.accounts import live_calls
from telwerk.v1 import ingestion_service_pb2 as ingestion

HUNDRED = [f"account-{number}" for number in range(100)]


def sent(busy: list[str], calls: int) -> list[ingestion.IngestEventsRequest]:
    return [ingestion.IngestEventsRequest.FromString(call) for call in islice(live_calls(busy), calls)]


def test_calls_of_a_hundred_accounts_and_of_one_differ_only_in_whose_they_are():
    many, one = sent(HUNDRED, 250), sent(["only"], 250)
    assert Counter(call.account_id for call in many) == {name: 3 if n < 50 else 2 for n, name in enumerate(HUNDRED)}
    assert {call.account_id for call in one} == {"only"}
    assert [list(call.events) for call in many] == [list(call.events) for call in one]


def test_calls_have_an_event_each_of_fifty_conversations_which_come_in_order_and_whole():
    times = defaultdict[str, list[int]](list)
    for call in sent(HUNDRED, 1_300):
        assert len({event.conversation_id for event in call.events}) == len(call.events) == 50
        for event in call.events:
            times[event.conversation_id].append(event.occur_time.ToNanoseconds())
    assert len(times) == 5_000
    assert all(len(of_one) == 13 and of_one == sorted(of_one) for of_one in times.values())
