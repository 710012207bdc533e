"""What is told of a setting that is wrong is a sentence with the setting that was meant."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from telwerkd.server.settings.errors import misspelt_variables, setting_error, unknown_variables
from telwerkd.server.settings.settings import Settings


def test_a_misspelt_variable_is_told_and_those_of_the_clients_are_none_of_ours():
    """It would be left out without a word."""
    theirs = [
        "TELWERK_ADDRESS",
        "TELWERK_ACCOUNT",
        "TELWERK_API_KEY",
        "TELWERK_TLS",
        "TELWERK_TLS_CA",
        "TELWERK_CONFIG",
    ]
    theirs += ["TELWERK_CLIENT_CERT", "TELWERK_CLIENT_KEY", "TELWERK_BRIDGE_INBOX", "TELWERK_ZONE", "TELWERK_TIMEOUT"]
    assert misspelt_variables(["PATH", "TELWERK_LISTEN", *theirs], Settings.model_fields, "TELWERK_") == []
    assert misspelt_variables(["TELWERK_LISTNE"], Settings.model_fields, "TELWERK_") == [
        "there is no setting for TELWERK_LISTNE: did you mean TELWERK_LISTEN?"
    ]


def test_a_variable_that_nobody_reads_is_told_and_those_of_clients_and_kubernetes_are_not():
    ours = ["TELWERK_XYZZY", "TELWERK_RETENTION"]
    theirs = [
        *("TELWERK_CONFIG", "TELWERK_API_KEY", "TELWERK_BRIDGE_INBOX", "TELWERKD_CONFIG", "PATH"),
        *("TELWERK_SERVICE_HOST", "TELWERK_SERVICE_PORT_GRPC", "TELWERK_PORT", "TELWERK_PORT_50051_TCP_ADDR"),
    ]
    assert unknown_variables([*ours, *theirs], Settings.model_fields, "TELWERK_") == [
        "there is no setting for TELWERK_RETENTION: did you mean TELWERK_RETENTION_DAYS?",
        "there is no setting for TELWERK_XYZZY",
    ]


def test_every_variable_of_the_clients_is_known_to_be_theirs():
    """By their sources: a new one of theirs is told as a mistake of the server's otherwise."""
    package = Path(__file__).parents[3] / "clients" / "python" / "telwerk"
    text = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py") if "_pb2" not in path.name)
    named = set(re.findall(r"TELWERK_[A-Z_]*[A-Z]", text))
    assert named
    assert unknown_variables(named, Settings.model_fields, "TELWERK_") == []


@pytest.mark.parametrize("given", ["", "?", -1, 0.5, 10**30, float("inf"), True, [], {"acme": {"x": 1}}, {"acme": 5}])
def test_whatever_is_wrong_with_a_setting_is_said_in_words_of_operators(given: Any):
    """By its name, and with no type of Python: whichever setting it is, and whatever a file or a variable can say."""
    wrong = 0
    for name in Settings.model_fields:
        try:
            Settings.model_validate({name: given})
        except ValidationError as error:
            for one in error.errors():
                wrong += 1
                sentence = setting_error(one, Settings.model_fields)
                assert sentence.startswith((f"{name}: ", f"{name}.acme: ", f"there is no setting '{name}.")), sentence
                assert "should" not in sentence
    assert wrong
