"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one run. Conversations have 13 events."""

    name: str
    pairs: int
    bulk_conversations: int
    """Sent in one sample of taking in."""
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
    """How long a sample of F1 lasts; an account's calls of one kind are 25 a second."""
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
    """As large as the bars of R7 and R8 presume; the peers are asked about the ordinary log as well."""


FULL = Scale(
    "full", 5, 24_000, 192, 800, 1_000_000, 40, 500, 6.0, 20.0, 5, 5_000_000, 100_000, 1_000_000, 400, whole=True
)
QUICK = Scale("quick", 3, 8_000, 64, 200, 65_000, 15, 100, 2.5, 4.0, 2, 65_000, 10_000, 50_000, 40, whole=False)
