"""Settings as they are given by files, and what is told of them."""

from pathlib import Path

import pytest

from telwerkd.server.settings.loading import ConfigurationError, load

URL = "postgresql://anna:hunter2@db.example/telwerk"


def problems(config: Path | None = None, **flags: object) -> list[str]:
    """What is wrong with the settings, all of it."""
    with pytest.raises(ConfigurationError) as caught:
        load(config, flags)
    return caught.value.problems


def config(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "telwerkd.toml"
    path.write_text(text)
    return path


def secret(folder: Path, text: str = f"{URL}\n") -> Path:
    """A file that holds the value of a setting."""
    path = folder / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path
