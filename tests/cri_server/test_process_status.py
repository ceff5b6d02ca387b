from pathlib import Path

from cri_server import process_status


def fields(text: str) -> dict[str, list[str]]:
    pairs = (line.split(":\t") for line in text.splitlines())
    return {name: value.split() for name, value in pairs}


def test_user_and_groups() -> None:
    shown = fields(process_status.text(1001, 1002, [1002, 50000, 1234]))
    assert (shown["Uid"], shown["Gid"]) == (["1001"] * 4, ["1002"] * 4)
    assert shown["Groups"] == ["1002", "1234", "50000"]


def test_no_guest_has_rights() -> None:
    shown = fields(process_status.text(0, 0, [0]))
    assert {shown[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (shown["NoNewPrivs"], shown["Seccomp"]) == (["1"], ["2"])


def test_the_words_are_the_kernels() -> None:
    ours = fields(process_status.text(0, 0, []))
    kernels = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert set(ours) <= set(kernels)
    for name in ("Uid", "Gid", "CapBnd"):
        assert len(ours[name]) == len(kernels[name].split())
