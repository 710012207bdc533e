"""What runs in the background: timers that expire, compaction, retention, unused names."""
