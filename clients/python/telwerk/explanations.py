"""What made a number, page after page."""

from collections.abc import Callable, Iterator

from telwerk.v1.kpi_service_pb2 import ConversationExplanation, ExplainCountResponse


class Explanation:
    """The conversations that made a number, or that looked as if they would; by when something last happened in them.

    Iterating gives them all, and asks for each page when it is needed, so that any step may raise a `TelwerkError`.
    Where events arrive meanwhile, a conversation may come a second time, as it has become.

    `unexplainable_count` is how much of the number no event explains any more, because events were purged or
    conversations erased. What is counted in all conversations, and this, add up to the number. `complete_until` is that
    of `QueryTotalsResponse`. Both are known at once.
    """

    def __init__(self, page_of: Callable[[str], ExplainCountResponse]) -> None:
        self._page_of = page_of
        self._first = page_of("")
        self.unexplainable_count = self._first.unexplainable_count
        self.complete_until = self._first.complete_until

    def __iter__(self) -> Iterator[ConversationExplanation]:
        page = self._first
        yield from page.conversations
        while page.next_page_token:
            page = self._page_of(page.next_page_token)
            yield from page.conversations
