"""From facts to counters."""
