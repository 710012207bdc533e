"""The adapters for gRPC and HTTP. Only this package uses protobuf."""
