"""What is done with a database beside a server, or without one: checks, audits, backups."""
