"""Tuning of the C library's heap for large messages. With another library than glibc, nothing is changed."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of glibc's `mallopt`."""

_REUSED_BYTES_MAX, _KEPT_BYTES_MAX = 32 * 2**20, 64 * 2**20
"""How large a block may be whose memory is used again, and how much freed memory may stay with the process for it."""


def tune_heap() -> None:
    """Sets glibc to one heap that keeps freed memory, bounded; to be called before the process has a second thread.

    - One heap for all threads. By default each gets one of its own, and what gRPC's threads freed of large messages
      stays with each of them: under every attack of `tests/e2e/test_memory_under_attack.py` at once the server took
      336 to 403 MB in six runs, and with one heap 243 to 256 in five, and 322 once beside other work.
    - The memory of large messages is used again, instead of given back to the system and asked for anew. Two thirds of
      the time in which gRPC copies a message into Python, in one step that holds the event loop, went into pages that
      were new to the process: 12 ms for 8 MB, 4 ms so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _REUSED_BYTES_MAX)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES_MAX)
