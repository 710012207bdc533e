"""What the service does with the rules: ingest, settling limits, answering queries."""
