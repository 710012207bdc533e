"""What is the same on SQLite and PostgreSQL."""
