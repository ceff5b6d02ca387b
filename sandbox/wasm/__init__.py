"""wasmtime below the server: its library bound directly, for processes that fork."""
