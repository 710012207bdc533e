"""A PostgreSQL database, that servers share."""
