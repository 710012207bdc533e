"""The writer process of a SQLite file: its connection, and the messages between it and its server."""
