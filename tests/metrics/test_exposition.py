"""Readings as text: what Prometheus's own parsers read of it, and what else happens meanwhile."""

import asyncio

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from telwerkd.metrics.catalogue import CATALOGUE, Kind
from telwerkd.metrics.exposition import exposition, is_openmetrics
from telwerkd.metrics.reading import Reading, Value
from telwerkd.process.figures import Histogram

ODD = 'a "quoted" \\ name\nof two lines, é {x="y"}'


def value(kind: Kind) -> Value:
    if kind is not Kind.HISTOGRAM:
        return 7
    histogram = Histogram((1.0, 2.0))
    for each in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(each)
    return histogram.read()


EVERYTHING: Reading = {name: {(ODD,) * len(of.labels): value(of.kind)} for name, of in CATALOGUE.items()}


async def test_every_metric_of_the_catalogue_is_read_as_what_it_is() -> None:
    """In both formats: name, type, help, labels whatever is in them, and values."""
    for accept, parse in (
        ("", plain_text),
        ("text/html, Application/OpenMetrics-Text;version=1.0.0;q=0.5", open_metrics),
    ):
        body, content_type = await exposition(EVERYTHING, is_open=is_openmetrics(accept))
        assert content_type.startswith("application/openmetrics-text" if accept else "text/plain; version=0.0.4")
        found = {family.name: family for family in parse(body.decode())}
        assert len(found) == len(CATALOGUE)
        for name, metric in CATALOGUE.items():
            family = found[name.removesuffix("_total")]
            assert (family.type, family.documentation) == (metric.kind.value, metric.text)
            labels = dict.fromkeys(metric.labels, ODD)
            samples = {(sample.name, sample.labels.pop("le", "")): sample for sample in family.samples}
            assert all(sample.labels == labels for sample in samples.values())
            if metric.kind is not Kind.HISTOGRAM:
                assert [sample.value for sample in samples.values()] == [7]
                continue
            buckets = {bound: samples[f"{name}_bucket", bound].value for bound in ("1.0", "2.0", "+Inf")}
            assert buckets == {"1.0": 2, "2.0": 3, "+Inf": 4}
            assert (samples[f"{name}_count", ""].value, samples[f"{name}_sum", ""].value) == (4, 12)


async def test_the_event_loop_goes_on_while_the_text_is_made() -> None:
    """After each metric, so that no call waits for all of them."""
    making = asyncio.create_task(exposition(EVERYTHING))
    turns = 0
    while not making.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= len(CATALOGUE)
