"""Background work: settling timers, compaction, retention, freeing of unused names."""
