"""From valid events to a transaction: who waits, what is stored, and its verdicts."""
