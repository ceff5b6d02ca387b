from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cri_server.errors import InvalidRequest
from cri_server.object_index import ObjectIndex, new_id


class Thing(NamedTuple):
    id: str


ids = st.sets(st.text("abc", min_size=1, max_size=5), max_size=12)


def index_of(names: set[str]) -> ObjectIndex[Thing]:
    index: ObjectIndex[Thing] = ObjectIndex("thing")
    for name in names:
        index.add(Thing(name))
    return index


def test_ids_are_64_lower_case_hexadecimal_digits() -> None:
    first, second = new_id(), new_id()
    assert len(first) == 64
    assert set(first) <= set("0123456789abcdef")
    assert first != second


@given(ids, st.text("abc", min_size=1, max_size=5))
def test_a_prefix_finds_what_it_is_unique_for_and_a_whole_id_always_itself(names: set[str], prefix: str) -> None:
    found = {thing.id for thing in index_of(names).matching(prefix)}
    beginning = {name for name in names if name.startswith(prefix)}
    if prefix in names:
        assert found == {prefix}
    elif len(beginning) <= 1:
        assert found == beginning
    else:
        assert len(found) == 2
        assert found <= beginning


@given(ids, st.data())
def test_what_is_discarded_is_not_found_any_more(names: set[str], data: st.DataObject) -> None:
    index = index_of(names)
    gone = data.draw(st.sets(st.sampled_from(sorted(names)))) if names else set()
    for name in gone:
        index.discard(name)
        index.discard(name)
    assert {thing.id for thing in index.all()} == names - gone
    for name in names - gone:
        assert index.find(name) == Thing(name)


@pytest.mark.parametrize("names", [{"abc", "abd"}, {"abc", "abd", "abe"}])
def test_an_ambiguous_prefix_is_refused(names: set[str]) -> None:
    with pytest.raises(InvalidRequest, match="thing id ab is ambiguous: several ids begin so; give more of it"):
        index_of(names).find("ab")


def test_an_empty_id_never_means_everything() -> None:
    with pytest.raises(InvalidRequest, match="names no thing"):
        index_of({"abc"}).find("")


def test_an_unknown_id_finds_nothing() -> None:
    assert index_of({"abc"}).find("b") is None
