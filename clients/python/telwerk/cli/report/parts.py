"""The tables of a report: what a KPI's values are, and operators and groups side by side."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from telwerk.cli.durations import has_durations
from telwerk.cli.labels import Labels
from telwerk.cli.report.asking import Answers, Part, Survey
from telwerk.cli.report.means import mean_change, mean_of, mean_text
from telwerk.cli.report.words import NOT_THERE, Change, Words
from telwerk.cli.values import text_of
from telwerk.names import Names
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    Key,
    Kpi,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
    Total,
    Value,
    ValueCount,
    ValueKind,
)

_SIMULATED: Final = "sim-"
"""How the ids begin that `telwerk simulate` invents."""

PRE_CHAT: Final = "pre_chat_survey_results"


@dataclass(frozen=True)
class Row:
    """A value and how often it occurs."""

    names: Sequence[str]
    """One, or the topics of a set."""
    count: str
    share: str
    width: float
    """Of its bar, 0 to 100."""
    description: str = ""


@dataclass(frozen=True)
class Breakdown:
    """A KPI's values."""

    title: str
    rows: Sequence[Row] = ()
    notes: Sequence[str] = ()
    error: str = ""
    """Why there are no rows; empty where nothing is wrong."""


@dataclass(frozen=True)
class BoardRow:
    """An operator or a group."""

    name: str
    cells: Sequence[tuple[str, Change | None]]
    """A number, and how much it has changed where that is told."""


@dataclass(frozen=True)
class Board:
    """Operators, or groups, side by side."""

    heading: str
    columns: Sequence[str] = ()
    rows: Sequence[BoardRow] = ()
    notes: Sequence[str] = ()
    error: str = ""


@dataclass(frozen=True)
class Namer:
    """What values and keys are called in the report's language."""

    words: Words
    known: Mapping[bytes, tuple[str, str]] = field(default_factory=dict)
    """Name and description of the values that the catalogue knows."""
    labels: Labels = field(default_factory=Labels)
    """The display names of the account."""

    @classmethod
    def of(cls, kpis: Iterable[Kpi], words: Words, names: Names) -> "Namer":
        """From the catalogue, and the names that the answers carry."""
        infos = [info for kpi in kpis for info in kpi.values]
        known = {_bytes(info.value): (info.display_name, info.description) for info in infos}
        return cls(words, known, Labels(names))

    def value(self, value: Value) -> tuple[Sequence[str], str]:
        """Its names and its description."""
        match value.WhichOneof("kind"):
            case "topics":
                return [self.labels.of("topic", topic) for topic in value.topics.topic_ids], ""
            case "goal_id":
                return [self.labels.of("goal", value.goal_id)], ""
            case "answer":
                return [self.labels.of("option", value.answer.option_id, value.answer.question_id)], ""
            case _:
                name, description = self.known.get(_bytes(value), (text_of(value), ""))
                return [name], description

    def person(self, key: Key) -> str:
        """The operator, the group or the widget."""
        if key.HasField("widget_id"):
            return self.labels.of("widget", key.widget_id)
        if key.HasField("operator_id"):
            return self.labels.of("operator", key.operator_id) or self.words.nobody
        return self.labels.of("operator_group", key.operator_group_id) or self.words.nobody


def _bytes(value: Value) -> bytes:
    return value.SerializeToString(deterministic=True)


def tables_of(kpi: Kpi, total: Total, answers: Answers, namer: Namer) -> list[Breakdown]:
    """The values of a KPI; none where its facts carry none."""
    words = namer.words
    titles = {
        ValueKind.VALUE_KIND_STARS: words.stars,
        ValueKind.VALUE_KIND_INACTIVITY_ACTION: words.actions,
        ValueKind.VALUE_KIND_OFFLINE_ASSIGNMENT: words.outcomes,
        ValueKind.VALUE_KIND_SENDER: words.senders,
        ValueKind.VALUE_KIND_CONVERSATION_END: words.ends,
    }
    match kpi.value_kind:
        case kind if kind in titles:
            return [known_values(titles[kind], total.distribution, namer)]
        case ValueKind.VALUE_KIND_GOAL:
            return [chosen_values(words.goals, answers.goals, namer)]
        case ValueKind.VALUE_KIND_TOPIC_SET:
            return [
                chosen_values(words.topics, answers.topics, namer),
                chosen_values(words.combinations, answers.combinations, namer),
            ]
        case ValueKind.VALUE_KIND_SURVEY_ANSWER:
            return questions(answers.surveys[kpi.kpi_id], namer)
        case _:
            return []


def known_values(title: str, parts: Iterable[ValueCount], namer: Namer) -> Breakdown:
    """Values that the catalogue knows: all of them, in its order, the ones that never occur too."""
    counts = [(part.value, part.count) for part in parts]
    total = sum(count for _, count in counts)
    rows = []
    for value, count in counts:
        names, description = namer.value(value)
        rows.append(_row(namer.words, names, count, count / total if total else None, description))
    return Breakdown(title, rows)


def chosen_values(title: str, part: Part[QueryTotalsResponse], namer: Namer) -> Breakdown:
    """Values that producers choose: goals, sets of topics, single topics; the most frequent first."""
    if part.answer is None:
        return Breakdown(title, error=str(part.error))
    words = namer.words
    overlapping = any(told.overlapping for told in part.answer.answers)
    notes = [words.topics_why] if overlapping else []
    listed = [total for total in part.answer.totals if not total.rest]
    if overlapping:
        notes += _unlisted(part.answer, len(listed), words)
    return Breakdown(title, [_total_row(total, namer) for total in part.answer.totals], notes)


def questions(survey: Survey, namer: Namer) -> list[Breakdown]:
    """A table for each question of a survey."""
    words = namer.words
    asked, options = survey.questions.answer, survey.options.answer
    if asked is None or options is None:
        return [Breakdown("", error=str(survey.questions.error or survey.options.error))]
    of_question: dict[str, list[Total]] = {}
    for total in options.totals:
        if not total.rest:
            of_question.setdefault(total.key.value.answer.question_id, []).append(total)
    tables = []
    for question in asked.totals:
        if question.rest:
            continue
        rows = of_question.get(question.key.question_id, [])
        title = words.questions.format(question=namer.labels.of("question", question.key.question_id))
        shown = [_total_row(total, namer) for total in rows]
        left = question.count - sum(total.count for total in rows)
        if left:
            shown.append(_row(words, [words.others], left, left / question.count))
        tables.append(Breakdown(f"{title} · {words.number(question.count)}", shown))
    return tables


def not_enabled(answer: QueryTotalsResponse | QueryTimeSeriesResponse) -> set[str]:
    """The KPIs that can have no data in this slice: they have no number, not even zero."""
    return {told.kpi_id for told in answer.answers if told.availability == Availability.AVAILABILITY_NOT_ENABLED}


def is_simulated(part: Part[QueryTotalsResponse]) -> bool:
    """Whether a key of a board was invented by `telwerk simulate`."""
    keys = [] if part.answer is None else [total.key for total in part.answer.totals]
    ids = (name for key in keys for name in (key.operator_id, key.operator_group_id, key.widget_id))
    return any(name.startswith(_SIMULATED) for name in ids)


def board(heading: str, part: Part[QueryTotalsResponse], kpis: Sequence[Kpi], namer: Namer) -> Board:
    """Each key with its number of every KPI; those that the answer sums up are the last row."""
    if part.answer is None:
        return Board(heading, error=str(part.error))
    words = namer.words
    by_key: dict[tuple[bool, bytes], dict[str, Total]] = {}
    for total in part.answer.totals:
        key = (total.rest, total.key.SerializeToString(deterministic=True))
        by_key.setdefault(key, {})[total.kpi_id] = total
    silent = not_enabled(part.answer)
    rows = [_board_row(totals, kpis, namer, silent) for totals in by_key.values()]
    answered = any(told.kpi_id == PRE_CHAT and told.count for told in part.answer.answers)
    has_nobody = not any(total.key.HasField("widget_id") for total in part.answer.totals)
    names = {kpi.kpi_id: kpi.display_name for kpi in kpis}
    why_nobody = [f"{names[PRE_CHAT]}: {words.pre_chat_why}"] if answered and has_nobody else []
    return Board(heading, board_columns(kpis, words), rows, [words.side_by_side_why, *why_nobody])


def board_columns(kpis: Sequence[Kpi], words: Words) -> list[str]:
    """The headings of a table with all of these KPIs."""
    columns = []
    for kpi in kpis:
        counted = words.count if has_durations(kpi) else words.ratings
        columns += [f"{kpi.display_name}: {words.mean}", counted] if kpi.has_mean else [kpi.display_name]
    return columns


def _board_row(totals: Mapping[str, Total], kpis: Sequence[Kpi], namer: Namer, silent: Collection[str]) -> BoardRow:
    words = namer.words
    cells: list[tuple[str, Change | None]] = []
    some = next(iter(totals.values()))
    for kpi in kpis:
        total = totals.get(kpi.kpi_id, Total())
        if kpi.has_mean:
            change = mean_change(kpi, total.comparison, words)
            cells.append((mean_text(kpi, mean_of(total), words), change))
        cells.append((NOT_THERE if kpi.kpi_id in silent else words.number(total.count), None))
    return BoardRow(words.others if some.rest else namer.person(some.key), cells)


def _unlisted(answer: QueryTotalsResponse, listed: int, words: Words) -> list[str]:
    left = max((told.row_count for told in answer.answers), default=0) - listed
    return [words.not_listed.format(count=words.number(left))] if left > 0 else []


def _total_row(total: Total, namer: Namer) -> Row:
    share = total.share if total.HasField("share") else None
    if total.rest:
        return _row(namer.words, [namer.words.others], total.count, share)
    if total.key.HasField("topic_id"):
        return _row(namer.words, [namer.labels.of("topic", total.key.topic_id)], total.count, share)
    names, description = namer.value(total.key.value)
    return _row(namer.words, names, total.count, share, description)


def _row(words: Words, names: Sequence[str], count: int, share: float | None, description: str = "") -> Row:
    text = NOT_THERE if share is None else words.share_text(share)
    return Row(names, words.number(count), text, 100 * (share or 0), description)
