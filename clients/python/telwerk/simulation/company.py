"""The invented company: its groups and operators, its widgets, and how often it takes each inactivity action."""

from dataclasses import dataclass
from typing import Final

from telwerk.v1 import event_pb2 as pb
from telwerk.v1.settings_service_pb2 import WidgetSettings

EARLIEST_S: Final = 946_684_800
"""2000-01-01, the earliest instant that Telwerk accepts."""

PREFIX: Final = "sim-"
"""Begins every id made here that belongs to an account."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "sim-sales": ("sim-anna", "sim-bram", "sim-chloe"),
    "sim-support": ("sim-chloe", "sim-daan", "sim-emre", "sim-fleur"),
    "sim-billing": ("sim-fleur", "sim-gijs"),
}
"""The operator groups and who works in them."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A messenger of the invented company."""

    widget_id: str
    share: float
    """Part of all chats, 0 to 1."""
    groups: tuple[str, ...]
    """Where its chats are routed."""
    live_limit_s: int | None
    actions: bool
    """Whether the inactivity actions are enabled: all eight or none."""
    survey: bool
    """Whether a pre-chat survey is asked."""
    goals: tuple[tuple[str, str], ...] = ()
    """Pairs of goal id and URL."""


WIDGETS: Final = (
    Widget(
        "sim-shop",
        0.5,
        ("sim-sales", "sim-sales", "sim-billing"),
        120,
        actions=True,
        survey=True,
        goals=(
            ("sim-order", "https://shop.example/checkout/thanks"),
            ("sim-newsletter", "https://shop.example/newsletter/welcome"),
        ),
    ),
    Widget(
        "sim-help",
        0.35,
        ("sim-support", "sim-support", "sim-billing"),
        180,
        actions=True,
        survey=True,
        goals=(("sim-article", "https://help.example/articles/returns"),),
    ),
    # The app does its own matching of goals, and knows neither a limit nor actions.
    Widget("sim-app", 0.15, ("sim-sales", "sim-support"), None, actions=False, survey=False),
)

NEW_AND_LATE: Final = {
    pb.INACTIVITY_ACTION_NEW_CONVERSATION_UNASSIGNED: 0.35,
    pb.INACTIVITY_ACTION_NEW_CONVERSATION_REASSIGNED: 0.35,
    pb.INACTIVITY_ACTION_NEW_CONVERSATION_NOT_REASSIGNED: 0.3,
}
LIVE_AND_SLOW: Final = {pb.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT: 1.0}
LIVE_AND_LATE: Final = {
    pb.INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED: 0.65,
    pb.INACTIVITY_ACTION_LIVE_CONVERSATION_NOT_REASSIGNED: 0.35,
}
OPERATOR_AWAY: Final = {
    pb.INACTIVITY_ACTION_RESUMED_CONVERSATION_REASSIGNED: 0.6,
    pb.INACTIVITY_ACTION_RESUMED_CONVERSATION_NOT_REASSIGNED: 0.4,
}
_ALL_ACTIONS: Final = (*NEW_AND_LATE, *LIVE_AND_SLOW, *LIVE_AND_LATE, *OPERATOR_AWAY)


def widget_settings() -> list[WidgetSettings]:
    """The settings that the chats presume, one version for each widget; setting them twice changes nothing."""
    made = []
    for widget in WIDGETS:
        settings = WidgetSettings(widget_id=widget.widget_id)
        settings.effective_time.seconds = EARLIEST_S
        if widget.live_limit_s is not None:
            settings.live_limit.seconds = widget.live_limit_s
        for goal_id, url in widget.goals:
            settings.goals.add(goal_id=goal_id, url=url)
        if widget.actions:
            settings.enabled_actions.extend(_ALL_ACTIONS)
        made.append(settings)
    return made
