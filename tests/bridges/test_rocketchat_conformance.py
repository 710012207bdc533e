"""Rocket.Chat does what every platform must."""

from typing import Any, Final

from telwerk_bridges.rocketchat import TYPE
from tests.bridges.conformance import PlatformConformance, samples

ROOM: Final[dict[str, Any]] = {"_id": "R", "createdAt": "2026-11-02T09:00:00.000Z"}


class TestConformance(PlatformConformance):
    platform = TYPE
    story = samples("rocketchat", 1_793_610_000_000)
    counted = (
        "conversation_topics order+return agent-Ag2BertXXXXXXXXXX/department-8LBlojWCpJbvntpqS rocketchat",
        "unanswered_ended_conversations nobody/- rocketchat",
    )
    unknown = (
        ROOM | {"type": "LeadCapture"},
        ROOM | {"type": "LivechatOfflineMessage"},
        ROOM | {"type": "New"},
        ROOM | {"_id": "fasd6f5a4sd6f8a4sdf", "type": "LivechatSession"},
        {},
    )
    signs_body = False

    def sign(self, body: bytes, secret: str, now_seconds: float) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002 - it sends its token only
        return body, {"x-rocketchat-livechat-token": secret}
