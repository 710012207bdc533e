"""How a line of the log looks, in every process of a server: UTC, level, place."""

import logging
import time

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"
"""Of a process that others of the same server log beside."""


class UtcFormatter(logging.Formatter):
    """Formats the instant as ISO 8601 in UTC, to the millisecond, whatever the machine's time zone."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        """In place of the local time."""
        return time.gmtime(seconds)
