"""What tests of tokens and of their keys share."""

import threading
from collections.abc import Iterator

import pytest

from tests.transport.security.issuing import Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider at a URL of this machine."""
    one = Provider()
    thread = threading.Thread(target=one.server.serve_forever, args=(0.02,))
    thread.start()
    yield one
    one.ended.set()
    one.server.shutdown()
    thread.join()
    one.server.server_close()
