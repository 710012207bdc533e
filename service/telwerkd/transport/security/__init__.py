"""Authentication, authorisation and TLS."""
