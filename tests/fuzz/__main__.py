"""``python -m tests.fuzz``: see the package."""

import argparse
import secrets
from random import Random

from tests.fuzz.codecs import CODECS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Hostile frames for the streams' codecs.")
    parser.add_argument("codecs", nargs="*", metavar="CODEC", help=f"default: all of {', '.join(CODECS)}")
    parser.add_argument("--frames", type=int, default=1_000_000, help="for each codec (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of an earlier run, to repeat it")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    for name in options.codecs or CODECS:
        refused = CODECS[name](options.frames, Random(options.seed))
        print(f"{name}: {options.frames} frames, {refused} refused, nothing else raised", flush=True)


main()
