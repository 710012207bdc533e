"""How many connections there may be, so that files are left for all else."""

import resource

from telwerkd.process.descriptors import KEPT_BACK, connections_for


def test_connections_leave_files_for_the_rest() -> None:
    assert connections_for(256) == 256 - KEPT_BACK
    assert connections_for(64) == 16
    assert connections_for(1_000_000) == connections_for(resource.RLIM_INFINITY) == 10_000
