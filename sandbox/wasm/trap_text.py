"""wasmtime's text of a trap, turned round: the reason is what a reader with little room must see."""

_CAUSES = "\n\nCaused by:\n"
_ADVICE = "\nnote: using the `WASMTIME_BACKTRACE_DETAILS=1`"
"""For who runs wasmtime by hand."""


def reason_first(text: str) -> str:
    """The reason on the first line, then the wasm backtrace, innermost function first."""
    backtrace, _, causes = text.partition(_CAUSES)
    backtrace, _, _ = backtrace.partition(_ADVICE)
    if not causes:
        return text.strip()
    reason = ": ".join(_without_number(line.strip()) for line in causes.strip().splitlines())
    return f"{reason}\n{backtrace.strip()}"


def _without_number(cause: str) -> str:
    """Several causes are numbered."""
    number, separator, rest = cause.partition(": ")
    return rest if separator and number.isdigit() else cause
