"""How a guest is told that memory is refused to it, and how it tells that it cannot go on without.

wasmtime answers a growth beyond the limit with -1 and tells nobody else. Most languages then end the program, each in a
way of its own: what they have in common is that they say so, on standard error, in the words below. A guest that has
memory limits, says so and at once ends in failure was ended by its limit if that was near, for it may mean
the memory of something else (see docs/containers.md).
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
ENOUGH = 0.5
"""Of its limit: from there on nothing can be doubled, which is how most allocators and collections grow."""
_ASKED = ((b"memory allocation of ", b" bytes failed"), (b"out of memory: cannot allocate ", b"-byte block"))
"""How Rust and Go say how much was refused."""
EXIT_CODE = 137
REASON = "OOMKilled"


def are_true(said: bytes, memory: int, limit: int) -> bool:
    """Whether it lacked memory of its own. ``memory``: bytes that it had, 0 where nobody knows; ``limit``: and may."""
    return memory == 0 or memory + _asked(said) > limit or memory >= limit * ENOUGH


def _asked(said: bytes) -> int:
    """Bytes that were refused to it in one piece, if it tells."""
    for before, after in _ASKED:
        number, found, _ = said.partition(before)[2].partition(after)
        if found and number.isdigit():
            return int(number)
    return 0


def message(memory: int, limit: int, exit_code: int, reason: str) -> str:
    """``memory`` and ``limit`` as above; the guest's own exit code, and why it trapped, if it did."""
    had = f"of which it had {memory} bytes and may have {limit}" if memory else f"which may grow to {limit} bytes"
    text = f"the guest said that it was out of memory, {had}, and ended with {exit_code}"
    return f"{text}: {reason}" if reason else text


def with_memory(reason: str, most: int, limit: int) -> str:
    """Why it trapped, with the memory that it had used, in bytes, on the first line."""
    first, newline, rest = reason.partition("\n")
    return f"{first} (it had used {most} bytes of memory of the {limit} that it may){newline}{rest}"
