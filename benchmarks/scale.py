"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of one run. Conversations have 13 events."""

    name: str
    pairs: int
    bulk_conversations: int
    """Sent in one sample of ingest."""
    single_conversations: int
    """Sent in one sample of single-event calls, by 64 callers."""
    streamed_conversations: int
    """Sent in one sample as a stream of single events."""
    stored_events: int
    """In the account that queries are asked of; a tenth of it beside, for R5."""
    queries: int
    """Asked in one sample, of each kind."""
    tail_queries: int
    """Asked in one sample of R6, whose measure is the p99."""
    tail_seconds: float
    """How long a sample of R6 lasts at most."""
    fair_seconds: float
    """How long a sample of F1 lasts; an account's calls of one kind are 25 a second. So long lasts one of R10 too."""
    accounts: int
    """Beside one another in R10; a hundred of them are busy."""
    watched_commits: int
    """Told to a thousand watches in one sample of R11; ten times as many to one watch."""
    stored_more_events: int
    """Before the second side of R7."""
    answers_a_year: int
    """Response times in each year that is asked about in R3d."""
    raw_ratings: int
    """In a year of the peers' raw events."""
    orm_conversations: int
    """Sent in one sample to the peer that counts row by row."""
    whole: bool
    """As large as the bars of R7, R8 and R10 presume; the peers are asked about the ordinary log as well."""


FULL = Scale(
    name="full",
    pairs=5,
    bulk_conversations=24_000,
    single_conversations=192,
    streamed_conversations=800,
    stored_events=1_000_000,
    queries=40,
    tail_queries=500,
    tail_seconds=6.0,
    fair_seconds=20.0,
    accounts=10_000,
    watched_commits=5,
    stored_more_events=5_000_000,
    answers_a_year=100_000,
    raw_ratings=1_000_000,
    orm_conversations=400,
    whole=True,
)
QUICK = Scale(
    name="quick",
    pairs=3,
    bulk_conversations=8_000,
    single_conversations=64,
    streamed_conversations=200,
    stored_events=65_000,
    queries=15,
    tail_queries=100,
    tail_seconds=2.5,
    fair_seconds=4.0,
    accounts=2_000,
    watched_commits=2,
    stored_more_events=65_000,
    answers_a_year=10_000,
    raw_ratings=50_000,
    orm_conversations=40,
    whole=False,
)
