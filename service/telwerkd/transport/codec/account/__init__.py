"""What is set for an account: widgets, opening hours, display names."""
