"""How a guest is told that memory is refused to it, and how it tells that it cannot go on without.

wasmtime answers a growth beyond the limit with -1 and tells nobody else. Most languages then end the program, each in a
way of its own: what they have in common is that they say so, on standard error, in the words below. A guest that has
memory limits, says so and at once ends in failure was ended by its limit (see docs/containers.md).
"""

OUT_OF_MEMORY = (
    b"out of memory",  # Go, TinyGo, JavaScript
    b"memory allocation of ",  # Rust: how many bytes failed
    b"bad_alloc",  # C++
    b"MemoryError",  # Python
)
SECONDS = 2.0
"""Between the words and the end. What is written in one breath may be read in several."""
NEAR = 0.75
"""Of its limit: from there on it is worth mentioning."""
EXIT_CODE = 137
REASON = "OOMKilled"


def message(limit: int, exit_code: int, reason: str) -> str:
    """``limit``: bytes that its memory may grow to; the guest's own exit code, and why it trapped, if it did."""
    text = f"the guest said that it was out of memory, which may grow to {limit} bytes, and ended with {exit_code}"
    return f"{text}: {reason}" if reason else text


def with_memory(reason: str, most: int, limit: int) -> str:
    """Why it trapped, with the memory that it had used, in bytes, on the first line."""
    first, newline, rest = reason.partition("\n")
    return f"{first} (it had used {most} bytes of memory of the {limit} that it may){newline}{rest}"
