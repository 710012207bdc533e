"""What made a number, page after page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeAlias

from telwerk.v1.kpi_service_pb2 import ConversationExplanation, ExplainCountResponse

Page: TypeAlias = ExplainCountResponse


class _Explained:
    def __init__(self, first: Page) -> None:
        self._first = first
        self.names = list(first.names)
        self.unexplainable_count = first.unexplainable_count
        self.complete_until = first.complete_until


class Explanation(_Explained):
    """The conversations that made a number, or that looked as if they would; by when something last happened in them.

    Iterating gives them all, and asks for each page when it is needed, so that any step may raise a `TelwerkError`.
    Where events arrive meanwhile, a conversation may come a second time, as it has become.

    `unexplainable_count` is how much of the number no event explains any more, because events were purged or
    conversations erased. What is counted in all conversations, and this, add up to the number. `complete_until` is that
    of `QueryTotalsResponse`. Both are known at once. `names` has the display names of the pages read so far, if they
    were asked for (`include_names`).
    """

    def __init__(self, first: Page, page_of: Callable[[str], Page]) -> None:
        super().__init__(first)
        self._page_of = page_of

    def __iter__(self) -> Iterator[ConversationExplanation]:
        page = self._first
        yield from page.conversations
        while page.next_page_token:
            page = self._page_of(page.next_page_token)
            self.names += page.names
            yield from page.conversations


class AsyncExplanation(_Explained):
    """The same as `Explanation`, to be iterated by `async for`."""

    def __init__(self, first: Page, page_of: Callable[[str], Awaitable[Page]]) -> None:
        super().__init__(first)
        self._page_of = page_of

    async def __aiter__(self) -> AsyncIterator[ConversationExplanation]:
        page = self._first
        while True:
            for one in page.conversations:
                yield one
            if not page.next_page_token:
                return
            page = await self._page_of(page.next_page_token)
            self.names += page.names
