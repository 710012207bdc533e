"""Who may connect, and call what."""
