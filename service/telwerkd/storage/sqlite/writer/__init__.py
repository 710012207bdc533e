"""The process that writes to a SQLite file, its connection, and what goes between it and its server."""
