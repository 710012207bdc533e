"""The help texts of the service times, one module per language."""
