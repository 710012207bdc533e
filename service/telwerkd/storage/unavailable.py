"""What a caller is told of any database that does not do its work just now."""

from telwerkd.domain.errors import Reason, UnavailableError

_RETRY_SECONDS = 1.0


def database_unavailable() -> UnavailableError:
    """The error to raise, whichever database it is; what happened to it is for the log."""
    return UnavailableError(
        Reason.DATABASE_UNAVAILABLE, "the database does not answer: send it again later", _RETRY_SECONDS
    )
