"""Fair shares of the server's resources between accounts: scheduling turns, quotas, memory, throttling."""
