"""Headers as wasi:http has them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.wasm.http_fields import FORBIDDEN, Fields, FieldsError

_names = st.text("abcXYZ-", min_size=1, max_size=8)
_values = st.binary(max_size=8).filter(lambda value: not any(byte < 32 or byte == 127 for byte in value))


@given(st.lists(st.tuples(_names, _values)))
def test_names_are_told_apart_without_regard_to_case(items: list[tuple[str, bytes]]) -> None:
    fields = Fields.from_list(items)
    for name, _ in items:
        expected = [value for other, value in items if other.lower() == name.lower()]
        assert fields.get(name.upper()) == fields.get(name.lower()) == expected
        assert fields.has(name.swapcase())
    assert fields.items == [(name.lower(), value) for name, value in items]


def test_set_takes_the_place_of_all_values() -> None:
    fields = Fields.from_list([("a", b"1"), ("b", b"2"), ("A", b"3")])
    fields.set("A", [b"4", b"5"])
    assert fields.get("a") == [b"4", b"5"]
    fields.set("a", [])
    assert not fields.has("a")
    fields.delete("B")
    assert fields.items == []


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_what_belongs_to_the_connection_is_forbidden(name: str) -> None:
    with pytest.raises(FieldsError) as refused:
        Fields().append(name.upper(), b"x")
    assert refused.value.case == "forbidden"


@pytest.mark.parametrize(("name", "value"), [("", b""), ("a b", b""), ("a\n", b""), ("a", b"x\r\ny"), ("a", b"\0")])
def test_syntax_is_checked(name: str, value: bytes) -> None:
    with pytest.raises(FieldsError) as refused:
        Fields().append(name, value)
    assert refused.value.case == "invalid-syntax"


def test_those_of_a_message_cannot_be_changed_but_copied() -> None:
    fields = Fields.from_list([("a", b"1")]).frozen()
    changes: list[Callable[[], None]] = [
        lambda: fields.append("a", b""),
        lambda: fields.set("a", []),
        lambda: fields.delete("a"),
    ]
    for change in changes:
        with pytest.raises(FieldsError) as refused:
            change()
        assert refused.value.case == "immutable"
    copy = fields.clone()
    copy.append("a", b"2")
    assert fields.get("a") == [b"1"]
