"""The HTTP port: the calls of gRPC by the Connect protocol, the web page, and the probes."""
