"""What accounts share: turns, quotas, memory, and how much of them one account may have."""
