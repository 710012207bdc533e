"""What the process that writes makes of the line to its server."""

from io import BytesIO

import pytest

from telwerkd.process.frames import framed
from telwerkd.storage.sqlite.writer.main import received
from telwerkd.storage.sqlite.writer.messages import packed


@pytest.mark.parametrize("cut", [0, 3, 4, 10])
def test_a_message_that_is_cut_off_is_the_end(cut):
    """A process that died in the middle of one has sent none."""
    with pytest.raises(EOFError):
        received(BytesIO(framed(packed("a message"))[:cut]))
