"""Metrics of a server, however many ask for them at once."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tests.scraping import measured


async def test_who_asks_while_metrics_are_made_shares_the_next(tmp_path):
    """Each making costs what calls would use: a hundred who ask at once are two, and nobody gets what is of before."""
    async with measured(tmp_path / "telwerk.db") as (_, metrics):
        first = asyncio.create_task(metrics.exposition())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        rest = [asyncio.create_task(metrics.exposition()) for _ in range(99)]
        gone = rest.pop()
        await asyncio.sleep(0)
        gone.cancel()
        texts = [id(text) for text in await asyncio.gather(first, *rest)]
        assert len(set(texts)) == 2
        assert len(set(texts[1:])) == 1
        plain, openmetrics = await asyncio.gather(
            metrics.exposition(), metrics.exposition("application/openmetrics-text")
        )
        assert openmetrics.body.endswith(b"# EOF\n")
        assert {family.name for family in text_string_to_metric_families(plain.body.decode())}
