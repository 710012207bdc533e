"""What a process does that does one thing for as long as it lives."""

import gc
import sys

_COLLECT_AFTER_OBJECTS = 20_000


_SWITCH_SECONDS = 0.0002
"""After which a thread that computes an answer lets the event loop's have the interpreter, which waits for it several
times in a call. By Python's default, 0.005, eight callers of the largest answers made a health check take
half a second.
"""


def devote_process() -> None:
    """For a process that does nothing but serve, once it runs: what is there now stays as long as the process does.

    So the garbage collector need not go through it again and again. What calls make holds few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
    sys.setswitchinterval(_SWITCH_SECONDS)
