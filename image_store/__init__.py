"""Images: references, registries, formats, layers, blobs, compiled code. Knows neither gRPC nor pods."""
