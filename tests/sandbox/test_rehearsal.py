"""The rehearsal leaves the process that holds it as it was.

It is played where it belongs, in a process of one thread: in that of the tests, others open and close files meanwhile.
"""

import subprocess
import sys

from sandbox.zygote_link import library_path
from tests.sandbox.test_pod_container import SITE
from tests.sandbox.wasm.conftest import ROOT

_ZYGOTE = """
import os, sys
sys.path[:0] = sys.argv[1:3]
from sandbox.rehearsal import rehearse
from sandbox.wasm.engine import Engine

def held():
    with open("/proc/thread-self/children") as children:
        return os.listdir("/proc/self/fd"), children.read()

engine = Engine(sys.argv[3])
before = held()
rehearse(engine)
assert held() == before, (held(), before)
"""


def test_nothing_is_left_of_a_rehearsal() -> None:
    words = [str(word) for word in (ROOT, SITE, library_path())]
    subprocess.run([sys.executable, "-S", "-E", "-s", "-c", _ZYGOTE, *words], check=True, timeout=240)
