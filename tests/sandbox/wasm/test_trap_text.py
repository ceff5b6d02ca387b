"""What a trap's text begins with."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.wasm.trap_text import reason_first

BACKTRACE = "error while executing at wasm backtrace:\n    0:     0x2b - app!deep\n    1:     0x32 - app!main"
lines = st.text(st.characters(exclude_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), min_size=1).filter(str.strip)


def test_the_reason_comes_before_the_backtrace() -> None:
    text = f"{BACKTRACE}\n\nCaused by:\n    wasm trap: wasm `unreachable` instruction executed\n"
    assert reason_first(text) == f"wasm trap: wasm `unreachable` instruction executed\n{BACKTRACE}"


def test_several_causes_are_one_line() -> None:
    causes = "    0: memory fault at wasm address 0xfffffffc\n    1: wasm trap: out of bounds memory access\n"
    first, _, rest = reason_first(f"{BACKTRACE}\n\nCaused by:\n{causes}").partition("\n")
    assert first == "memory fault at wasm address 0xfffffffc: wasm trap: out of bounds memory access"
    assert rest == BACKTRACE


def test_advice_for_who_runs_wasmtime_by_hand_is_left_out() -> None:
    advice = "note: using the `WASMTIME_BACKTRACE_DETAILS=1` environment variable may show more debugging information"
    assert reason_first(f"{BACKTRACE}\n{advice}\n\nCaused by:\n    wasm trap: x\n") == f"wasm trap: x\n{BACKTRACE}"


@given(lines)
def test_a_text_without_backtrace_is_left_alone(text: str) -> None:
    assert reason_first(text) == text.strip()


@given(lines)
def test_no_reason_is_lost(cause: str) -> None:
    assert cause.strip() in reason_first(f"{BACKTRACE}\n\nCaused by:\n    0: {cause}\n    1: wasm trap: x\n")
