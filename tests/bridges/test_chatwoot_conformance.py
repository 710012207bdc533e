"""Chatwoot does what every platform must."""

from telwerk_bridges.chatwoot import FRESH_SECONDS, TYPE
from tests.bridges import bridging
from tests.bridges.conformance import PlatformConformance, samples


class TestConformance(PlatformConformance):
    platform = TYPE
    story = samples("chatwoot", 1_793_610_000_000)
    counted = (
        "conversation_topics billing+vip agent-7/team-3 inbox-1",
        "conversation_topics returns nobody/team-3 inbox-1",
        "feedback_count agent-7/team-3 inbox-1",
        "satisfaction_score 5 agent-7/team-3 inbox-1",
        "unanswered_ended_conversations nobody/team-3 inbox-1",
    )
    unknown = ({"event": "contact_updated", "id": 1}, {"event": "webwidget_triggered", "id": 1}, {"event": "new"})
    fresh_seconds = FRESH_SECONDS

    def sign(self, body: bytes, secret: str, now_seconds: float) -> tuple[bytes, dict[str, str]]:
        return body, bridging.signed(body, f"{now_seconds:.0f}", secret)
