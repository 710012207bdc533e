"""Protobuf's wire format, where its library takes too long or too much at once."""
