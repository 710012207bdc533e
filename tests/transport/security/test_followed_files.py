"""Files are followed as they change, and only to what can be used."""

import logging
from pathlib import Path

import pytest

from telwerkd.transport.security.followed_files import FollowedFiles


class RefusedError(Exception):
    """The file does not hold a number."""


def followed(path: Path) -> FollowedFiles[int]:
    def load() -> int:
        try:
            return int(path.read_text())
        except ValueError as error:
            raise RefusedError(f"{path.name} holds no number") from error

    return FollowedFiles(
        [path], load, RefusedError, lambda path, _: RefusedError(f"{path.name} is gone"), "%s; the old one stays"
    )


def test_a_replaced_link_is_noticed_as_kubernetes_mounts_secrets(tmp_path: Path) -> None:
    link = tmp_path / "..data"
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    link.symlink_to(tmp_path / "1")
    follower = followed(link / "file")
    assert follower.content == 1
    assert follower.changed() is None
    (tmp_path / "new").symlink_to(tmp_path / "2")
    (tmp_path / "new").rename(link)
    assert follower.changed() == follower.content == 2
    assert follower.changed() is None


def test_what_cannot_be_used_is_logged_once_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file"
    path.write_text("1")
    follower = followed(path)
    path.write_text("none")
    assert [follower.changed(), follower.changed()] == [None, None]
    path.unlink()
    assert [follower.changed(), follower.changed()] == [None, None]
    assert [(record.getMessage(), record.levelno) for record in caplog.records] == [
        ("file holds no number; the old one stays", logging.ERROR),
        ("file is gone; the old one stays", logging.ERROR),
    ]
    assert follower.content == 1
    path.write_text("22")
    assert follower.changed() == 22


def test_the_first_content_must_be_usable(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        followed(tmp_path / "file")
