"""The use cases of the service: ingest, queries, watches, explanations, upkeep and retention."""
