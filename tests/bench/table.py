"""The figures as a table that can be read and pasted: medians over the rounds, and how the first server compares."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.bench.rounds import AT_A_TIME, Samples
from tests.bench.streams import AT_A_TIME as EXECS_AT_A_TIME

_TOO_LITTLE = 1e-4


class Row(NamedTuple):
    """``key``: of the samples, in ``scale`` of the unit shown."""

    key: str
    label: str
    scale: float = 1
    single: bool = False


def rows(crowd: int) -> tuple[Row, ...]:
    return (
        Row("pod up", "pod up (the three), ms"),
        Row("RunPodSandbox", "RunPodSandbox, ms"),
        Row("CreateContainer", "CreateContainer, ms"),
        Row("StartContainer", "StartContainer, ms"),
        Row("first log line", "StartContainer called to first log line, ms"),
        Row("StopContainer", "StopContainer(0), ms"),
        Row("StopPodSandbox", "StopPodSandbox, ms"),
        Row("RemovePodSandbox", "RemovePodSandbox, ms"),
        Row("ExecSync", "ExecSync of echo hi, ms"),
        Row("ExecSync crowd", f"ExecSync of echo hi, {EXECS_AT_A_TIME} at a time until all are done, ms", single=True),
        Row("exec", "crictl exec of echo hi, ms"),
        Row("kubectl exec", "kubectl exec of echo hi, ms"),
        Row("exec in", "through exec, in and out again, MB/s", single=True),
        Row("forward", "through port-forward, MB/s", single=True),
        Row("memory", f"memory per pod of {crowd}, MB", 1e-6, single=True),
        Row("rate", f"pods per second, {AT_A_TIME} at a time", single=True),
        Row("ListPodSandbox", f"ListPodSandbox of {crowd}, ms"),
        Row("ListContainers", f"ListContainers of {crowd}, ms"),
        Row("ListContainerStats", f"ListContainerStats of {crowd}, ms"),
        Row("idle server", f"server with {crowd} idle pods, % of a core", 100, single=True),
        Row("idle pods", f"{crowd} idle pods' processes, % of a core", 100, single=True),
    )


def rows_alone(node: int, kubelet_pods: int) -> tuple[Row, ...]:
    """Of one server, measured once."""
    return (
        Row("rate", f"pods per second, {AT_A_TIME} at a time, {node} of them", single=True),
        Row("memory of all", f"memory of {node} pods, GB", 1e-9, single=True),
        Row("ListPodSandbox", f"ListPodSandbox of {node}, ms"),
        Row("ListContainers", f"ListContainers of {node}, ms"),
        Row("ListContainerStats", f"ListContainerStats of {node}, ms"),
        Row("idle server", f"server with {node} idle pods, % of a core", 100, single=True),
        Row("idle pods", f"{node} idle pods' processes, % of a core", 100, single=True),
        Row("kubelet start", f"static pods per second, {kubelet_pods} of them", single=True),
        Row("kubelet cpu", f"kubelet with {kubelet_pods} idle pods, % of a core", 100, single=True),
        Row("kubelet server", f"server under a kubelet with {kubelet_pods} idle pods, % of a core", 100, single=True),
        Row("kubelet pods", f"{kubelet_pods} idle pods' processes under a kubelet, % of a core", 100, single=True),
    )


def table_alone(name: str, samples: Samples, node: int, kubelet_pods: int) -> str:
    """Markdown, of what was measured once."""
    measured = [row for row in rows_alone(node, kubelet_pods) if row.key in samples]
    lines = [[row.label, _figures(row, [samples[row.key]])] for row in measured]
    return "\n".join(aligned([["", f"{name} p50 · p90"], *lines]))


def table(names: Sequence[str], rounds: Sequence[dict[str, Samples]], crowd: int) -> str:
    """Markdown. Ratios are of the first server's p50 to the last one's in the same round."""
    header = ["", *(f"{name} p50 · p90" for name in names)]
    if len(names) > 1:
        header.append(f"{names[0]} / {names[-1]}")
    lines = [header, *(_cells(row, names, rounds) for row in rows(crowd) if row.key in rounds[0][names[0]])]
    return "\n".join(aligned(lines))


def _cells(row: Row, names: Sequence[str], rounds: Sequence[dict[str, Samples]]) -> list[str]:
    cells = [row.label, *(_figures(row, [each[name][row.key] for each in rounds]) for name in names)]
    if len(names) > 1:
        first, last = names[0], names[-1]
        cells.append(ratio([_quotient(each[first][row.key], each[last][row.key]) for each in rounds]))
    return cells


def _figures(row: Row, samples: Sequence[Sequence[float]]) -> str:
    kinds: tuple[Callable[[Sequence[float]], float], ...] = (p50,) if row.single else (p50, p90)
    return " · ".join(number(statistics.median(map(kind, samples)) * row.scale) for kind in kinds)


def p50(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def p90(samples: Sequence[float]) -> float:
    """The smallest sample that nine tenths of them do not exceed."""
    return sorted(samples)[math.ceil(len(samples) * 0.9) - 1]


def ratio(quotients: Sequence[float]) -> str:
    """The median of the rounds' quotients: ``1/8.3`` or ``5.2``; of what is too little to be seen ``0``."""
    quotient = statistics.median(quotients)
    if quotient < _TOO_LITTLE:
        return "0"
    return f"{quotient:.1f}" if quotient >= 1 else f"1/{1 / quotient:.1f}"


def _quotient(first: Sequence[float], last: Sequence[float]) -> float:
    return p50(first) / p50(last) if p50(last) else math.inf


def number(value: float) -> str:
    """Three digits of it."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table's lines, the header's first."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, cells in enumerate(lines):
        first, *others = (
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield f"| {' | '.join([first, *others])} |"
        if number == 0:
            yield f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|"
