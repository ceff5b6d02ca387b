"""The server: gRPC services (one file per RPC in ``rpc/``), configuration, command line, start and recovery."""
