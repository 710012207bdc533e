"""Zammad does what every platform must."""

import hashlib
import hmac

from telwerk_bridges.zammad import TYPE
from tests.bridges.conformance import PlatformConformance, samples


class TestConformance(PlatformConformance):
    platform = TYPE
    story = samples("zammad", 1_793_610_000_000)
    counted = (
        "conversation_topics order+return agent-6/group-4 zammad",
        "unanswered_ended_conversations agent-6/group-3 zammad",
    )
    # Every delivery shows a ticket; one without is refused, so that a customized payload is noticed.
    unknown = ()

    def sign(self, body: bytes, secret: str, now_seconds: float) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002 - no time is signed
        return body, {"x-hub-signature": f"sha1={hmac.digest(secret.encode(), body, hashlib.sha1).hex()}"}
