"""The `telwerkd` command: arguments only."""
