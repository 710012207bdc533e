"""The settings of a server: definitions, loading, and validation."""
