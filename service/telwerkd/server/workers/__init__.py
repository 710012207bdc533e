"""Worker processes that share one port, and their merged figures."""
