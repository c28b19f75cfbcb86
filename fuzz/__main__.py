"""Looks for inputs that a parser neither takes nor refuses: `make fuzz SECONDS=1800`.

The time is shared out among the targets, each of which Atheris gives bytes that reach more and more of the
code, and the tests with generated examples, which Hypothesis makes anew in each round. Atheris is there for
Linux and Python 3.11 to 3.13; elsewhere the tests have all of the time.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import time

from fuzz.one import CORPUS
from fuzz.targets import TARGETS

PROPERTIES = "properties"


def main(arguments: list[str] | None = None) -> None:
    """Fuzz the named targets, or all."""
    names = [*TARGETS, PROPERTIES]
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzzes the parsers.")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(names)}; all without it"
    )
    parser.add_argument("--seconds", type=int, default=60, help="for all together; 60 unless said")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.targets) - set(names)):
        parser.error(f"there is no {unknown[0]!r}: write one of {', '.join(names)}")
    chosen = asked.targets or names
    if importlib.util.find_spec("atheris") is None:
        print("There is no Atheris here: only the tests with generated examples run.")
        chosen = [name for name in chosen if name == PROPERTIES]
    share = max(1, asked.seconds // max(1, len(chosen)))
    failed = [name for name in chosen if not (properties if name == PROPERTIES else target)(name, share)]
    if failed:
        sys.exit(f"Findings: {', '.join(failed)}")
    print("No finding.")


def target(name: str, seconds: int) -> bool:
    """Whether a target ended without a finding."""
    ended = subprocess.run(
        [sys.executable, "-m", "fuzz.one", name, str(seconds)], capture_output=True, check=False
    )
    said = ended.stderr.decode("utf-8", "replace") + ended.stdout.decode("utf-8", "replace")
    tried = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    print(f"{name:12} {seconds:5} s {int(tried[1]) if tried else 0:12,} inputs", flush=True)
    if ended.returncode == 0:
        return True
    # Without what it says of its progress.
    print(
        "\n".join(line for line in said.splitlines() if not line.startswith(("#", "INFO", "stat::")))[-4000:]
    )
    print(
        f"Once more: python -m fuzz.one {name} FILE, with the file in {CORPUS / 'found'} that is named above"
    )
    return False


def properties(name: str, seconds: int) -> bool:
    """Whether the tests with generated examples, in as many rounds as there is time for, found nothing."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-x"]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "fuzz"}
    until, rounds, good = time.monotonic() + seconds, 0, True
    while good and (left := until - time.monotonic()) > 0:
        try:
            ended = subprocess.run(
                [*pytest, "-m", "hypothesis and not cluster", "tests"],
                env=environment,
                capture_output=True,
                timeout=left,
                check=False,
            )
        except subprocess.TimeoutExpired:
            break
        rounds += 1
        good = ended.returncode == 0
    print(f"{name:12} {seconds:5} s {rounds:12,} whole rounds", flush=True)
    if not good:
        print(ended.stdout.decode("utf-8", "replace")[-8000:])
    return good


if __name__ == "__main__":
    main()
