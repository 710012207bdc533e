"""A SQLite file, and the process that writes to it."""
