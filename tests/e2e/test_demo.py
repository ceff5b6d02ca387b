"""`make demo`, as a newcomer sees it."""

import subprocess
import sys

from tests.prerequisites import require_root


def test_the_demo_shows_a_pod_that_outlives_its_server_and_leaves_nothing() -> None:
    require_root()
    command = [sys.executable, "-m", "tests.demo"]
    shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert shown.returncode == 0, shown.stdout
    for words in ("stdout F tick 001", "there is no server", "its log is whole", "EXITED", "nothing: no process"):
        assert words in shown.stdout
    assert "Traceback" not in shown.stdout
