"""Which of the two customary ways of making pod groups this node uses (CRI: RuntimeConfig)."""

import os

from sandbox.cgroup.layout import Layout

_SYSTEMD_RUNS = "/run/systemd/system"
"""sd_booted(3)."""


def default_driver(layout: Layout, systemd_runs: str = _SYSTEMD_RUNS) -> str:
    """``systemd`` where it runs and manages the one v2 hierarchy, else ``cgroupfs``."""
    return "systemd" if layout.unified and os.path.isdir(systemd_runs) else "cgroupfs"
