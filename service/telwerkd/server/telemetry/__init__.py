"""What a server tells of itself: figures, log, traces."""
