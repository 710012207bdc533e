"""The report's own words, and how numbers are written, in the languages of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from telwerk.cli.durations import unit_of
from telwerk.cli.presentation import COMPARED_COUNT_MIN, RELATIVE_CHANGE_MAX
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import Direction

NOT_THERE: Final = "–"  # noqa: RUF001 - a dash that is seen beside digits
_MINUS: Final = "\N{MINUS SIGN}"
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Change:
    """How much a number has changed, and what to think of it."""

    text: str
    verdict: Literal["better", "worse", ""] = ""
    """Empty where it has not changed, or where more is neither good nor bad."""
    word: str = ""
    """The verdict in the reader's language."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """Everything on the page that neither the catalogue nor the account says."""

    language: str
    comma: str
    """Between thousands."""
    point: str
    """Before decimals."""
    percent: str
    report: str
    range: str
    compared_with: str
    slice: str
    everyone: str
    complete_until: str
    generated: str
    not_over: str
    held_back: str
    """With {count} and {name}, a KPI."""
    not_enabled: str
    not_enabled_why: str
    not_enabled_on: str
    """With {widgets}."""
    part: str
    """Of a bucket that the range cuts."""
    part_why: str
    at_a_glance: str
    kpi: str
    value: str
    before: str
    change: str
    mean: str
    ratings: str
    mean_of: str
    """With {count}."""
    no_ratings: str
    mean_of_durations: str
    """With {count}."""
    no_durations: str
    spread: str
    """With {half} and {most}."""
    this_period: str
    period_before: str
    nothing: str
    charted: str
    """What a chart tells to those who hear it; with {name}, {lowest}, {highest}, {bucket}."""
    over_time: str
    """With {bucket}."""
    total: str
    count: str
    share: str
    stars: str
    actions: str
    outcomes: str
    senders: str
    ends: str
    goals: str
    topics: str
    topics_why: str
    combinations: str
    questions: str
    """With {question}."""
    others: str
    nobody: str
    operator: str
    group: str
    widget: str
    side_by_side: str
    side_by_side_why: str
    pre_chat_why: str
    """Why nobody has them."""
    changed_most: str
    """With {name}, {change}."""
    by_chance: str
    """Put behind it where the change is small."""
    nothing_changed: str
    unchanged: str
    better: str
    worse: str
    simulated: str
    """A mark."""
    simulated_why: str
    not_listed: str
    """With {count}."""
    unanswered_question: str
    about: str
    frozen: str
    revisable: str
    buckets: Mapping[GranularityName, str]

    def number(self, count: int) -> str:
        """A whole number."""
        return f"{count:,}".replace(",", self.comma).replace("-", _MINUS)

    def decimal(self, value: float, digits: int = 2) -> str:
        """A number with decimals."""
        whole, _, decimals = f"{value:,.{digits}f}".partition(".")
        return f"{whole.replace(',', self.comma)}{self.point}{decimals}".replace("-", _MINUS)

    def share_text(self, share: float) -> str:
        """A part of a whole, 0 to 1."""
        return self.decimal(100 * share, 1) + self.percent

    def count_change(self, count: int, before: int, direction: "Direction.ValueType") -> Change:
        """By how much more or less, with an arrow; in percent too where there is enough to compare with."""
        delta = count - before
        if not delta:
            return Change(self.unchanged)
        relative = delta / before if before >= COMPARED_COUNT_MIN else None
        percent = ""
        if relative is not None and relative <= RELATIVE_CHANGE_MAX:
            percent = f" ({_sign(relative)}{self.decimal(100 * abs(relative), 1)}{self.percent})"
        return self._judged(f"{_arrow(delta)} {_sign(delta)}{self.number(abs(delta))}{percent}", delta, direction)

    def mean_change(self, delta: float, direction: "Direction.ValueType") -> Change:
        """By how much a mean is different."""
        rounded = round(delta, 2)
        if not rounded:
            return Change(self.unchanged)
        return self._judged(f"{_arrow(rounded)} {_sign(rounded)}{self.decimal(abs(rounded))}", rounded, direction)

    def duration(self, milliseconds: float) -> str:
        """A duration, in the unit that fits."""
        unit = unit_of(milliseconds)
        value = milliseconds / unit.milliseconds
        return f"{self.decimal(value, unit.digits) if unit.digits else self.number(round(value))} {unit.symbol}"

    def duration_change(self, delta: float, direction: "Direction.ValueType") -> Change:
        """By how many milliseconds a mean is different."""
        rounded = round(delta)
        if not rounded:
            return Change(self.unchanged)
        text = f"{_arrow(rounded)} {_sign(rounded)}{self.duration(abs(rounded))}"
        return self._judged(text, rounded, direction)

    def points_change(self, delta: float, points: str, direction: "Direction.ValueType") -> Change:
        """By how many percentage points a rate is different."""
        rounded = round(100 * delta, 1)
        if not rounded:
            return Change(self.unchanged)
        text = f"{_arrow(rounded)} {_sign(rounded)}{self.decimal(abs(rounded), 1)} {points}"
        return self._judged(text, rounded, direction)

    def _judged(self, text: str, delta: float, direction: "Direction.ValueType") -> Change:
        if direction not in {Direction.DIRECTION_HIGHER_IS_BETTER, Direction.DIRECTION_LOWER_IS_BETTER}:
            return Change(text)
        if (delta > 0) is (direction == Direction.DIRECTION_HIGHER_IS_BETTER):
            return Change(text, "better", self.better)
        return Change(text, "worse", self.worse)


def _arrow(delta: float) -> str:
    return "▲" if delta > 0 else "▼"


def _sign(delta: float) -> str:
    return "+" if delta > 0 else _MINUS


ENGLISH: Final = Words(
    language="en",
    comma=",",
    point=".",
    percent="%",
    report="KPI report",
    range="Range",
    compared_with="Compared with",
    slice="Slice",
    everyone="all operators, groups and widgets",
    complete_until="Complete until",
    generated="Made on",
    not_over="The range is not over yet: what is still to come is missing, in comparison with a whole period before.",
    held_back="{name}: {count} held back until the first message of their conversation.",
    not_enabled="not enabled",
    not_enabled_why="No inactivity action is enabled on the widgets of this report, so that there is nothing to count.",
    not_enabled_on="No inactivity action is enabled on: {widgets}.",
    part="part",
    part_why="“Part” marks what lies only in part within the range.",
    at_a_glance="At a glance",
    kpi="KPI",
    value="Value",
    before="Before",
    change="Change",
    mean="mean",
    ratings="Ratings",
    mean_of="mean of {count} ratings",
    no_ratings="no ratings",
    mean_of_durations="mean of {count} durations",
    no_durations="no durations",
    spread="Half within {half}, nine of ten within {most}.",
    this_period="this period",
    period_before="the period before",
    nothing="Nothing was counted in this range.",
    charted="{name} by {bucket}: lowest {lowest}, highest {highest}. The numbers stand in the table of this section.",
    over_time="Numbers by {bucket}",
    total="Total",
    count="Count",
    share="Share",
    stars="Stars",
    actions="Actions",
    outcomes="Outcomes",
    senders="Senders",
    ends="Ends",
    goals="Goals",
    topics="Single topics",
    topics_why="Overlaps: a conversation with two topics is in both rows, so that rows do not add up.",
    combinations="Combinations of topics",
    questions="Question {question}",
    others="all others",
    nobody="nobody",
    operator="Operator",
    group="Operator group",
    widget="Widget",
    side_by_side="Side by side",
    side_by_side_why="Those with the most ratings first. A count belongs to whom was assigned just before.",
    pre_chat_why="Answered before the conversation is assigned: so these answers belong to nobody.",
    changed_most="Changed most: {name}, {change}.",
    by_chance="Chance alone may explain it.",
    nothing_changed="Nothing changed.",
    unchanged="unchanged",
    better="better",
    worse="worse",
    simulated="simulated data",
    simulated_why="Simulated data: ids that begin with “sim-” were invented by telwerk simulate; nobody measured them.",
    not_listed="{count} more are not listed one by one.",
    unanswered_question="This part could not be answered:",
    about="What the numbers mean",
    frozen="Nothing that happens later takes a count back.",
    revisable="Newer ones replace earlier ones, which then no longer count.",
    buckets={
        "quarter_hour": "quarter of an hour",
        "hour": "hour",
        "day": "day",
        "week": "week",
        "month": "month",
        "quarter": "quarter",
        "year": "year",
    },
)

DUTCH: Final = Words(
    language="nl",
    comma=".",
    point=",",
    percent="%",
    report="KPI-rapport",
    range="Periode",
    compared_with="Vergeleken met",
    slice="Selectie",
    everyone="alle operators, groepen en widgets",
    complete_until="Volledig tot",
    generated="Gemaakt op",
    not_over="De periode is nog niet voorbij: wat nog komt ontbreekt, vergeleken met een hele periode ervoor.",
    held_back="{name}: {count} vastgehouden tot het eerste bericht van hun gesprek.",
    not_enabled="niet ingeschakeld",
    not_enabled_why="Op de widgets van dit rapport is geen inactiviteitsactie ingeschakeld: er valt niets te tellen.",
    not_enabled_on="Geen inactiviteitsactie ingeschakeld op: {widgets}.",
    part="deel",
    part_why="“Deel” staat bij wat maar voor een deel in de periode ligt.",
    at_a_glance="In één oogopslag",
    kpi="KPI",
    value="Waarde",
    before="Ervoor",
    change="Verschil",
    mean="gemiddelde",
    ratings="Beoordelingen",
    mean_of="gemiddelde van {count} beoordelingen",
    no_ratings="geen beoordelingen",
    mean_of_durations="gemiddelde van {count} tijden",
    no_durations="geen tijden",
    spread="De helft binnen {half}, negen van de tien binnen {most}.",
    this_period="deze periode",
    period_before="de periode ervoor",
    nothing="In deze periode is niets geteld.",
    charted="{name} per {bucket}: laagste {lowest}, hoogste {highest}. De cijfers staan in de tabel van dit deel.",
    over_time="Cijfers per {bucket}",
    total="Totaal",
    count="Aantal",
    share="Aandeel",
    stars="Sterren",
    actions="Acties",
    outcomes="Uitkomsten",
    senders="Afzenders",
    ends="Afsluitingen",
    goals="Doelen",
    topics="Losse onderwerpen",
    topics_why="Overlapt: een gesprek met twee onderwerpen staat in beide rijen, dus de rijen tellen niet op.",
    combinations="Combinaties van onderwerpen",
    questions="Vraag {question}",
    others="alle andere",
    nobody="niemand",
    operator="Operator",
    group="Operatorgroep",
    widget="Widget",
    side_by_side="Naast elkaar",
    side_by_side_why="Wie de meeste beoordelingen heeft eerst. Een telling hoort bij wie vlak ervoor was toegewezen.",
    pre_chat_why="Beantwoord voordat het gesprek wordt toegewezen: deze antwoorden horen dus bij niemand.",
    changed_most="Het meest veranderd: {name}, {change}.",
    by_chance="Dat kan toeval zijn.",
    nothing_changed="Er is niets veranderd.",
    unchanged="gelijk",
    better="beter",
    worse="slechter",
    simulated="gesimuleerde gegevens",
    simulated_why="Gesimuleerde gegevens: ids die met “sim-” beginnen, heeft telwerk simulate verzonnen; niemand heeft "
    "ze gemeten.",
    not_listed="{count} andere staan er niet los bij.",
    unanswered_question="Dit deel kon niet beantwoord worden:",
    about="Wat de cijfers betekenen",
    frozen="Niets wat later gebeurt neemt een telling terug.",
    revisable="Nieuwere vervangen eerdere, die dan niet meer tellen.",
    buckets={
        "quarter_hour": "kwartier",
        "hour": "uur",
        "day": "dag",
        "week": "week",
        "month": "maand",
        "quarter": "kwartaal",
        "year": "jaar",
    },
)

GERMAN: Final = Words(
    language="de",
    comma=".",
    point=",",
    percent=f"{_NO_BREAK}%",
    report="KPI-Bericht",
    range="Zeitraum",
    compared_with="Verglichen mit",
    slice="Auswahl",
    everyone="alle Operatoren, Gruppen und Widgets",
    complete_until="Vollständig bis",
    generated="Erstellt am",
    not_over="Der Zeitraum ist noch nicht vorbei: Was noch kommt, fehlt im Vergleich mit einem ganzen Zeitraum davor.",
    held_back="{name}: {count} zurückgehalten bis zur ersten Nachricht ihres Gesprächs.",
    not_enabled="nicht eingeschaltet",
    not_enabled_why="Auf den Widgets dieses Berichts ist keine Inaktivitätsaktion eingeschaltet: Es gibt nichts zu "
    "zählen.",
    not_enabled_on="Keine Inaktivitätsaktion eingeschaltet auf: {widgets}.",
    part="Teil",
    part_why="„Teil“ steht bei dem, was nur zum Teil im Zeitraum liegt.",
    at_a_glance="Auf einen Blick",
    kpi="KPI",
    value="Wert",
    before="Davor",
    change="Änderung",
    mean="Mittel",
    ratings="Bewertungen",
    mean_of="Mittel von {count} Bewertungen",
    no_ratings="keine Bewertungen",
    mean_of_durations="Mittel von {count} Zeiten",
    no_durations="keine Zeiten",
    spread="Die Hälfte binnen {half}, neun von zehn binnen {most}.",
    this_period="dieser Zeitraum",
    period_before="der Zeitraum davor",
    nothing="In diesem Zeitraum wurde nichts gezählt.",
    charted="{name} nach {bucket}: niedrigster Wert {lowest}, höchster {highest}. Die Zahlen stehen in der Tabelle "
    "dieses Teils.",
    over_time="Zahlen nach {bucket}",
    total="Gesamt",
    count="Anzahl",
    share="Anteil",
    stars="Sterne",
    actions="Aktionen",
    outcomes="Ergebnisse",
    senders="Absender",
    ends="Abschlüsse",
    goals="Ziele",
    topics="Einzelne Themen",
    topics_why="Überschneidet sich: Ein Gespräch mit zwei Themen steht in beiden Zeilen. Sie addieren sich nicht.",
    combinations="Kombinationen von Themen",
    questions="Frage {question}",
    others="alle anderen",
    nobody="niemand",
    operator="Operator",
    group="Operatorgruppe",
    widget="Widget",
    side_by_side="Nebeneinander",
    side_by_side_why="Wer die meisten Bewertungen hat, steht oben. Es zählt, wer kurz davor zugewiesen war.",
    pre_chat_why="Beantwortet, bevor das Gespräch zugewiesen ist: Diese Antworten gehören darum niemandem.",
    changed_most="Am meisten verändert: {name}, {change}.",
    by_chance="Das kann Zufall sein.",
    nothing_changed="Nichts hat sich verändert.",
    unchanged="unverändert",
    better="besser",
    worse="schlechter",
    simulated="simulierte Daten",
    simulated_why="Simulierte Daten: IDs, die mit „sim-“ beginnen, hat telwerk simulate erfunden; niemand hat sie "
    "gemessen.",
    not_listed="{count} weitere sind nicht einzeln aufgeführt.",
    unanswered_question="Dieser Teil konnte nicht beantwortet werden:",
    about="Was die Zahlen bedeuten",
    frozen="Nichts, was später geschieht, nimmt eine Zählung zurück.",
    revisable="Neuere ersetzen frühere, die dann nicht mehr zählen.",
    buckets={
        "quarter_hour": "Viertelstunde",
        "hour": "Stunde",
        "day": "Tag",
        "week": "Woche",
        "month": "Monat",
        "quarter": "Quartal",
        "year": "Jahr",
    },
)

WORDS: Final[Mapping[str, Words]] = {words.language: words for words in (ENGLISH, GERMAN, DUTCH)}
"""By the language's code."""
