"""Operations on a database, beside a running server or without one: checks, audits, backups."""
