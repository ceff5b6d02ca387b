from sandbox.machine_memory import free_swap, parse_free_swap


def test_free_swap() -> None:
    assert parse_free_swap(b"MemFree:  1 kB\nSwapTotal: 2048 kB\nSwapFree:  1024 kB\n") == 1 << 20
    assert parse_free_swap(b"MemFree:  1 kB\n") == 0
    assert free_swap() >= 0
