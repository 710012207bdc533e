"""Protobuf's wire format, handled here where its library takes too long, or too much memory, in one call."""
