"""Others' ways to the same numbers. Each counts the same events, and is held to Telwerk's answer before it is timed."""
