"""Several server processes on one port, and their figures together."""
