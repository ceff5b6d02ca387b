"""The kernel's texts, and all numbers that it may put into them."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.cgroup.usage_files import DeviceTraffic, Pressure, Stall, device_traffic, keyed, number, pressure

MEMORY_STAT = b"""\
anon 1261568
file 8192
kernel 204800
inactive_anon 1200128
inactive_file 4096
active_file 4096
pgfault 512
pgmajfault 1
"""
NAMES = st.text(st.characters(codec="ascii", categories=["Ll"], include_characters="_"), min_size=1)
COUNTS = st.integers(0, 2**64 - 1)
PER_CENT = st.integers(0, 10000).map(lambda hundredths: hundredths / 100)
STALLS = st.builds(Stall, COUNTS, PER_CENT, PER_CENT, PER_CENT)


def test_a_number_of_a_name_is_not_that_of_a_longer_name() -> None:
    assert keyed(MEMORY_STAT, b"anon") == 1261568
    assert keyed(MEMORY_STAT, b"inactive_file") == 4096
    assert keyed(MEMORY_STAT, b"pgmajfault") == 1
    assert keyed(MEMORY_STAT, b"file_mapped") is None
    assert keyed(b"", b"anon") is None


@given(st.dictionaries(NAMES, COUNTS), NAMES)
def test_every_number_is_found_by_its_name(numbers: dict[str, int], other: str) -> None:
    text = "".join(f"{name} {value}\n" for name, value in numbers.items()).encode()
    assert {name: keyed(text, name.encode()) for name in numbers} == numbers
    assert keyed(text, other.encode()) == numbers.get(other)


def test_no_limit_in_the_words_of_both_versions() -> None:
    assert number(b"max\n") is None
    assert number(b"9223372036854771712\n") is None
    assert number(b"67108864\n") == 64 << 20
    assert number(b"0\n") == 0


def _line(kind: str, stall: Stall) -> str:
    averages = " ".join(f"avg{span}={getattr(stall, f'avg{span}'):.2f}" for span in (10, 60, 300))
    return f"{kind} {averages} total={stall.total_us}\n"


@given(STALLS, STALLS)
def test_pressure(some: Stall, full: Stall) -> None:
    text = _line("some", some) + _line("full", full)
    assert pressure(text.encode()) == Pressure(some, full)


def test_pressure_of_a_kernel_that_does_not_count_full() -> None:
    text = b"some avg10=1.53 avg60=0.20 avg300=0.04 total=28691\n"
    assert pressure(text) == Pressure(Stall(28691, 1.53, 0.2, 0.04), Stall(0, 0.0, 0.0, 0.0))


def test_traffic_of_devices_with_and_without_any() -> None:
    text = b"8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0 \n"
    assert device_traffic(text) == [DeviceTraffic(8, 16, 1459200, 314773504, 192, 353), DeviceTraffic(8, 0)]
    assert device_traffic(b"") == []
