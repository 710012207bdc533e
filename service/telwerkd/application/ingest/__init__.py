"""From valid events to a transaction: queueing, group commit, and verdicts."""
