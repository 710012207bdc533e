"""The report's words in each language of the catalogue."""

from collections.abc import Mapping
from typing import Final

from telwerk.cli.report.texts.de import GERMAN
from telwerk.cli.report.texts.en import ENGLISH
from telwerk.cli.report.texts.nl import DUTCH
from telwerk.cli.report.words import Words

WORDS: Final[Mapping[str, Words]] = {words.language: words for words in (ENGLISH, GERMAN, DUTCH)}
"""By the language's code."""
