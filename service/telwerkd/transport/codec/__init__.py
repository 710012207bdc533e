"""From messages to values, and back."""
