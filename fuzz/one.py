"""Fuzzes one target, in a process of its own, which ends with it: `python -m fuzz.one TARGET SECONDS`.

`python -m fuzz.one TARGET FILE` does once what a file holds, such as one of .fuzz/found.
"""

from __future__ import annotations

import sys
from pathlib import Path

CORPUS = Path(".fuzz")
_LONGEST = 4096


def main() -> None:
    """Fuzz, or repeat."""
    name, asked = sys.argv[1:]
    if not asked.isdigit():
        from fuzz.targets import TARGETS

        TARGETS[name](Path(asked).read_bytes())
        return
    import atheris

    with atheris.instrument_imports(include=["dagster_plus_k8s_helpers"]):
        from fuzz.targets import TARGETS, seeds_of
    from fuzz.samples import WORDS

    corpus, found = CORPUS / name, CORPUS / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    for index, seed in enumerate(seeds_of(name)):
        (corpus / f"seed-{index}").write_bytes(seed)
    words = CORPUS / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS), "ascii")
    options = [
        f"-dict={words}",
        f"-artifact_prefix={found}/{name}-",
        f"-max_len={_LONGEST}",
        f"-max_total_time={asked}",
        # By the clock, which on a busy machine says little: a target has a time of its own.
        "-timeout=300",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02X}" for byte in word.encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    main()
