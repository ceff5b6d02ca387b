"""One file per RPC, named object_verb. Each holds one coroutine (or asynchronous generator) of the runtime and the
request."""
