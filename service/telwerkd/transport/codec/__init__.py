"""Encoding and decoding: from protobuf messages to values of the application and domain, and back."""
