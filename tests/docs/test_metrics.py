"""docs/metrics.md names every series, with its type and labels."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cri_server.metrics import Metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \|", PAGE.read_text(), re.MULTILINE)
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def served() -> dict[str, tuple[str, tuple[str, ...]]]:
    """By a server to which everything has happened once."""
    metrics = Metrics()
    metrics.rpc("Version", "OK", 0.1)
    metrics.store.pulled(0.1, "Unauthorized")
    metrics.store.compiled(0.1, "ModuleInvalid")
    metrics.show(cast(Any, _nothing()))
    return dict(_described(family) for family in metrics.registry.collect())


def _nothing() -> SimpleNamespace:
    """A runtime of no pods and images."""
    return SimpleNamespace(
        sandboxes=SimpleNamespace(all=list),
        containers=SimpleNamespace(all=list),
        events=SimpleNamespace(listeners=0),
        pods=SimpleNamespace(zygote_pid=None, zygote_restarts=0),
        images=SimpleNamespace(images=list, compile_processes=0, usage=lambda: SimpleNamespace(used_bytes=0)),
    )


def _described(family: Any) -> tuple[str, tuple[str, tuple[str, ...]]]:
    suffix, kind = {"counter": ("_total", "counter"), "info": ("_info", "gauge")}.get(family.type, ("", family.type))
    sample = next(sample for sample in family.samples if not sample.name.endswith("_created"))
    return family.name + suffix, (kind, tuple(label for label in sample.labels if label != "le"))


def test_the_page_lists_what_is_served() -> None:
    assert documented() == served()


def test_the_dashboard_asks_for_series_that_are_served() -> None:
    dashboard = json.loads((PAGE.parents[1] / "deploy" / "grafana-dashboard.json").read_text())
    questions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = set(re.findall(r"\b(?:wasmlet|process)_\w+", " ".join(questions)))
    series = {name for name, (kind, _) in documented().items() if kind != "histogram"}
    series |= {f"{name}_{part}" for name in documented() for part in ("bucket", "count", "sum")}
    assert asked
    assert asked <= series
