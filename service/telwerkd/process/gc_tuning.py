"""What a process does that does one thing for as long as it lives."""

import gc

_COLLECT_AFTER_OBJECTS = 20_000


def devote_process() -> None:
    """For a process that does nothing but serve, once it runs: what is there now stays as long as the process does.

    So the garbage collector need not go through it again and again. What calls make holds few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
