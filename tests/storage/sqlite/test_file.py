"""Who serves a SQLite file."""

from pathlib import Path

import pytest

from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite import schema
from telwerkd.storage.sqlite.file import served


def test_a_file_has_one_server_also_by_a_name_that_is_a_link(tmp_path: Path):
    """By the link it can be served too: what SQLite keeps beside the file lies where the link leads to."""
    schema.migrate(tmp_path / "telwerk.db")
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "telwerk.db")
    with served(link) as file:
        file.check(lambda: 0)
        with pytest.raises(SchemaError, match="another server serves"), served(tmp_path / "telwerk.db"):
            pass
    assert [path.name for path in link.parent.iterdir()] == ["link.db"]


def test_a_file_with_a_second_name_by_a_hard_link_is_refused_under_each(tmp_path: Path):
    """By the other name there would be another lock and another log: two servers, or a backup without the log."""
    file, other = tmp_path / "telwerk.db", tmp_path / "other.db"
    schema.migrate(file)
    other.hardlink_to(file)
    for name in (file, other):
        for use in (schema.prepare, schema.migrate, schema.revision_of):
            with pytest.raises(SchemaError, match=f"{name} has 2 names, by hard links"):
                use(name)
    other.unlink()
    schema.prepare(file)
