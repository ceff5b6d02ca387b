from hypothesis import given
from hypothesis import strategies as st

from cri_server import wire
from cri_server.cri_v1 import api_pb2 as cri

sandboxes = st.builds(cri.PodSandbox, id=st.text(max_size=40), labels=st.dictionaries(st.text(), st.text(), max_size=3))


@given(st.lists(sandboxes, max_size=5))
def test_joined_fields_are_the_response_that_protobuf_itself_makes(items: list[cri.PodSandbox]) -> None:
    joined = wire.joined(wire.field_1(item) for item in items)
    assert cri.ListPodSandboxResponse.FromString(joined) == cri.ListPodSandboxResponse(items=items)


@given(st.integers(0, 40000))
def test_items_of_any_length_keep_their_bounds(length: int) -> None:
    item = cri.Container(id="x" * length)
    response = cri.ListContainersResponse.FromString(wire.field_1(item) * 2)
    assert [container.id for container in response.containers] == [item.id, item.id]


@given(st.text(max_size=300))
def test_a_field_can_be_moved_to_another_number(text: str) -> None:
    item = cri.ContainerStatus(id=text)
    moved = wire.moved(wire.field_1(item), 3)
    assert cri.PodSandboxStatusResponse.FromString(moved) == cri.PodSandboxStatusResponse(containers_statuses=[item])


@given(st.lists(st.integers(1, 1 << 19), max_size=300))
def test_chunks_hold_every_item_once_and_in_order_and_are_never_empty(sizes: list[int]) -> None:
    fields = [b"%d," % size + b"x" * 10 for size in sizes]
    chunks = list(wire.chunks(fields))
    assert b"".join(chunks) == b"".join(fields)
    assert all(chunks)
    assert len(chunks) == (len(sizes) + 99) // 100


def test_large_items_end_a_chunk_early() -> None:
    assert len(list(wire.chunks([b"x" * (1 << 20)] * 3))) == 3
