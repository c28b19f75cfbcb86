"""Writes the software bill of materials of an installation, as CycloneDX JSON, beside the wheel in ``dist/``.

It lists what ``pip install dagster-plus-k8s-helpers[...]`` with the extras for a cluster brings, as
``constraints.txt`` pins it. The tool that reads an environment has its own, and so does not list itself.
Source: https://github.com/CycloneDX/cyclonedx-python
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from smoke_test_wheel import ROOT, environment, install, make_environment, run

EXTRAS = "aws,vault,check,cloud"
TOOL = "cyclonedx-bom>=7,<8"


def main() -> None:
    """Build, install, list."""
    dist = ROOT / "dist"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(work), str(ROOT))
        (wheel,) = work.glob("*.whl")
        read = make_environment(work / "read", wheel, EXTRAS)
        reads = environment(work / "reads")
        install(reads, TOOL)
        dist.mkdir(exist_ok=True)
        listed = dist / f"{'-'.join(wheel.name.split('-')[:2])}.cdx.json"
        options = (
            "--of",
            "JSON",
            "--output-reproducible",
            "--pyproject",
            str(ROOT / "pyproject.toml"),
            "-o",
            str(listed),
        )
        run(str(reads.parent / "cyclonedx-py"), "environment", *options, str(read))
    print(listed.relative_to(ROOT))


if __name__ == "__main__":
    main()
