"""The schema's history, by Alembic. A released revision never changes."""
