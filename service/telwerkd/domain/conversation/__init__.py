"""What a conversation is: its events, and the facts that they come to."""
