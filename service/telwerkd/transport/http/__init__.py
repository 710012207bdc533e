"""The HTTP port: the same calls as over gRPC by the Connect protocol, and the probes."""
