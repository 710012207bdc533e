"""What a bridge is told: by environment variables, and by a TOML file for several accounts or inboxes.

Platforms and their options are those of platforms.py; Chatwoot is the example.

TELWERK_BRIDGE_CONFIG=bridge.toml

[[chatwoot]]                        # received at /chatwoot
secrets = ["..."]
account = "acme"

[[chatwoot]]
name = "shop"                       # received at /chatwoot/shop; every id begins with `shop-`
secrets = ["...", "..."]            # any of them signs
account = "shop"
api_key = "..."
bot_agents = [7]
inboxes = [1, 2]                    # deliveries of others mean nothing
prefix = ""                         # in place of `shop-`, where nothing else feeds the account
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from telwerk import AsyncTelwerk
from telwerk_bridges.inbox import Target
from telwerk_bridges.platform import Platform, PlatformType
from telwerk_bridges.platforms import PLATFORMS

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MEBIBYTE: Final = 2**20
_FIELDS: Final[Mapping[str, type]] = {"name": str, "secrets": list, "account": str, "api_key": str, "prefix": str}
"""Of every section; those of a platform's own are its options, which are lists."""


class ConfigurationError(Exception):
    """Something is missing or cannot be; the text names the variable, or the file and its field."""


@dataclass(frozen=True)
class Source:
    """A platform's account whose webhooks are received at `path`."""

    path: str
    platform: Platform
    account_id: str
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Configuration:
    """A bridge."""

    sources: tuple[Source, ...]
    address: str
    tls: bool | str
    inbox_path: Path
    inbox_bytes_max: int
    memory_days: float

    def connect(self, source: Source) -> AsyncTelwerk:
        """The client of a source, within the event loop that it is to belong to."""
        return AsyncTelwerk(self.address, api_key=source.api_key, tls=self.tls)

    def target(self, source: Source) -> Target:
        """Where its events go."""
        return Target(self.address, source.account_id)


def configured(environment: Mapping[str, str]) -> Configuration:
    """The bridge as the environment describes it.

    Raises:
        ConfigurationError: see there.
    """
    sources = tuple(_sources(environment))
    paths = [source.path for source in sources]
    if repeated := {path for path in paths if paths.count(path) > 1}:
        raise ConfigurationError(f"two sources are received at {min(repeated)}: give each a `name` of its own")
    keys = {(source.account_id, source.api_key) for source in sources}
    if len(keys) > len({account_id for account_id, _ in keys}):
        raise ConfigurationError("two sources of one account have different keys: one `api_key` for each account")
    return Configuration(
        sources,
        environment.get("TELWERK_ADDRESS") or "127.0.0.1:50051",
        environment.get("TELWERK_TLS_CA") or environment.get("TELWERK_TLS", "").lower() in {"1", "true", "yes"},
        inbox_path(environment),
        int(_positive(environment, "TELWERK_BRIDGE_INBOX_MIB_MAX", 256.0) * _MEBIBYTE),
        _positive(environment, "TELWERK_BRIDGE_MEMORY_DAYS", 90.0),
    )


def inbox_path(environment: Mapping[str, str]) -> Path:
    """The file of the durable inbox."""
    return Path(environment.get("TELWERK_BRIDGE_INBOX") or "telwerk-bridge.db")


def _sources(environment: Mapping[str, str]) -> list[Source]:
    name = environment.get("TELWERK_BRIDGE_CONFIG")
    account, api_key = environment.get("TELWERK_ACCOUNT", "").strip(), environment.get("TELWERK_API_KEY")
    secrets = {platform: _listed(environment, platform, "secret") for platform in PLATFORMS}
    found = []
    if any(secrets.values()) or not name:
        if not account:
            raise ConfigurationError("TELWERK_ACCOUNT is not set: which account do the events belong to?")
        if not any(secrets.values()):
            known = ", ".join(_variable(platform, "secret") for platform in PLATFORMS)
            raise ConfigurationError(f"no platform has a secret: set one of {known}, or TELWERK_BRIDGE_CONFIG")
        for platform in (one for one in PLATFORMS.values() if secrets[one.name]):
            options = _options_of_environment(environment, platform)
            made = platform.create(*secrets[platform.name], prefix="", **options)
            found.append(Source(f"/{platform.name}", made, account, api_key))
    if name:
        found += _of_file(Path(name), account, api_key)
    return found


def _variable(platform: str, name: str) -> str:
    return f"TELWERK_BRIDGE_{platform}_{name}".upper()


def _listed(environment: Mapping[str, str], platform: str, name: str) -> list[str]:
    """The texts that a variable lists."""
    return [one for one in re.split(r"[\s,]+", environment.get(_variable(platform, name), "")) if one]


def _options_of_environment(environment: Mapping[str, str], platform: PlatformType) -> dict[str, list[int] | list[str]]:
    found: dict[str, list[int] | list[str]] = {}
    for name, kind in platform.options.items():
        texts = _listed(environment, platform.name, name)
        if kind is int and not all(re.fullmatch(r"[0-9]{1,18}", text) for text in texts):
            raise ConfigurationError(f"{_variable(platform.name, name)} is not a list of numbers, such as 7,9")
        found[name] = [int(text) for text in texts] if kind is int else texts
    return found


def _of_file(path: Path, account: str, api_key: str | None) -> list[Source]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ConfigurationError(f"TELWERK_BRIDGE_CONFIG: {path} cannot be read: {why}") from error
    if not content or not set(content) <= set(PLATFORMS) or not all(isinstance(one, list) for one in content.values()):
        known = ", ".join(f"[[{platform}]]" for platform in PLATFORMS)
        raise ConfigurationError(f"{path} has sections of {known}, and nothing else")
    return [
        _of_entry(entry, PLATFORMS[platform], f"{path}: {platform} {number}", account, api_key)
        for platform, entries in content.items()
        for number, entry in enumerate(entries, 1)
    ]


def _of_entry(
    entry: Mapping[str, Any], platform: PlatformType, place: str, account: str, api_key: str | None
) -> Source:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{place} is not a section")
    fields = {**_FIELDS, **dict.fromkeys(platform.options, list)}
    for key, value in entry.items():
        if not isinstance(value, fields.get(key, ())):
            known = ", ".join(fields)
            raise ConfigurationError(f"{place}: `{key}` is not known, or not of its type; there are {known}")
    name = entry.get("name", "")
    if name and not _NAME.fullmatch(name):
        raise ConfigurationError(f"{place}: `name` is 1 to 32 small letters, digits and hyphens")
    secrets = [one.strip() for one in entry.get("secrets", []) if isinstance(one, str) and one.strip()]
    if not secrets or len(secrets) != len(entry["secrets"]):
        raise ConfigurationError(f"{place}: `secrets` is a list of at least one text, none of them empty")
    for key, kind in platform.options.items():
        if not all(type(one) is kind for one in entry.get(key, [])):
            raise ConfigurationError(f"{place}: `{key}` is a list of {'numbers' if kind is int else 'texts'}")
    account = entry.get("account", account).strip()
    if not account:
        raise ConfigurationError(f"{place}: `account` is not given, and TELWERK_ACCOUNT is not set")
    options = {key: entry[key] for key in platform.options if key in entry}
    made = platform.create(*secrets, prefix=entry.get("prefix", f"{name}-" if name else ""), **options)
    path = f"/{platform.name}/{name}" if name else f"/{platform.name}"
    return Source(path, made, account, entry.get("api_key", api_key))


def _positive(environment: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(environment.get(name) or default)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:  # noqa: PLR2004 - whatever is larger is a mistake
        raise ConfigurationError(f"{name} is not a positive number")
    return value
