"""What a file's status tells: that it has changed, and whether others may change it."""

import os
from pathlib import Path

import pytest

from telwerkd.process.file_status import mode_others_may_write, signature_of


@pytest.mark.parametrize(
    ("mode", "told"), [(0o600, ""), (0o644, ""), (0o755, ""), (0o620, "0620"), (0o602, "0602"), (0o666, "0666")]
)
def test_a_file_that_others_may_write_is_told_by_its_mode(tmp_path: Path, mode: int, told: str) -> None:
    """Readable by others it may be."""
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    assert mode_others_may_write(path.stat()) == told


def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_has_another_signature(tmp_path: Path) -> None:
    """As what is unpacked from an archive has the time of its making."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("a")
    new.write_text("b")
    time = old.stat().st_mtime_ns
    for path in (old, new):
        os.utime(path, ns=(time, time))
    before = signature_of(old)
    assert signature_of(old) == before
    new.rename(old)
    assert signature_of(old) != before
