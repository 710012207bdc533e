"""Each platform has the same settings under its own name, all from one list."""

from pathlib import Path

import pytest

from telwerk_bridges.config import ConfigurationError, configured
from telwerk_bridges.platforms import PLATFORMS


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_is_received_where_its_variable_or_its_section_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text(f"[[{name}]]\nname = 'shop'\nsecrets = ['s', 't']\naccount = 'shop'\n")
    environment = {
        "TELWERK_ACCOUNT": "acme",
        f"TELWERK_BRIDGE_{name.upper()}_SECRET": " s, t\n",
        "TELWERK_BRIDGE_CONFIG": str(path),
    }
    sources = configured(environment).sources
    assert [(source.path, source.account_id) for source in sources] == [(f"/{name}", "acme"), (f"/{name}/shop", "shop")]


def test_every_platform_may_be_on_one_bridge() -> None:
    environment = {f"TELWERK_BRIDGE_{name.upper()}_SECRET": "s" for name in PLATFORMS} | {"TELWERK_ACCOUNT": "acme"}
    assert [source.path for source in configured(environment).sources] == [f"/{name}" for name in PLATFORMS]


def test_who_sets_no_secret_is_told_all_variables_and_who_names_another_section_all_sections(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured({"TELWERK_ACCOUNT": "acme"})
    assert all(f"TELWERK_BRIDGE_{name.upper()}_SECRET" in str(refused.value) for name in PLATFORMS)
    path = tmp_path / "bridge.toml"
    for text in ("x = " + "[" * 5_000, "x = " + "9" * 5_000):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"TELWERK_BRIDGE_CONFIG: .* cannot be read"):
            configured({"TELWERK_ACCOUNT": "acme", "TELWERK_BRIDGE_CONFIG": str(path)})
    for text in ("[[chatwot]]\nsecrets = ['s']", "", "[chatwoot]\nsecrets = ['s']", "chatwoot = [1]"):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="section") as refused:
            configured({"TELWERK_ACCOUNT": "acme", "TELWERK_BRIDGE_CONFIG": str(path)})
        assert "1]" in text or all(f"[[{name}]]" in str(refused.value) for name in PLATFORMS)
