"""What the service does with the rules: taking events in, working off limits, answering queries."""
