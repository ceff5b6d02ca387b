"""Process 1 of the bench's process namespace: starts the bench, reaps orphans as an init does, ends with the bench.

Its arguments are the module of the bench and that module's own.
"""

import os
import subprocess
import sys


def main() -> int:
    bench = subprocess.Popen([sys.executable, "-m", *sys.argv[1:]])
    while True:
        pid, status = os.wait()
        if pid == bench.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
