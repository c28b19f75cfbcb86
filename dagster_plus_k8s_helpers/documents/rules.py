"""The rules that hold for every file, whatever it is for."""

from __future__ import annotations

from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

__all__ = [
    "ALIASES",
    "CREDENTIAL",
    "DUPLICATE_KEY",
    "EMPTY_FILE",
    "HUGE_FILE",
    "NOT_UTF8",
    "SYNTAX",
    "TAB",
    "TOO_DEEP",
]

SYNTAX = Rule("DPK001", Severity.ERROR, "The file is not YAML.", "mend the YAML at this place")
TAB = Rule(
    "DPK002", Severity.ERROR, "YAML takes no tab where it indents.", "indent with spaces instead of the tab"
)
DUPLICATE_KEY = Rule(
    "DPK003",
    Severity.ERROR,
    "Of two equal keys in one mapping the first is lost without a word.",
    "keep one of the two",
)
EMPTY_FILE = Rule("DPK004", Severity.ERROR, "The file says nothing.", "write something into it or delete it")
HUGE_FILE = Rule(
    "DPK005",
    Severity.ERROR,
    "No file that is meant is so large, and Helm keeps the values of a release in a Secret, which Kubernetes "
    "limits to 1 MiB.",
    "split the file",
)
NOT_UTF8 = Rule("DPK006", Severity.ERROR, "YAML files are UTF-8.", "save the file as UTF-8")
TOO_DEEP = Rule("DPK007", Severity.ERROR, "Nothing that is meant nests so deep.", "nest less deep")
ALIASES = Rule(
    "DPK008",
    Severity.ERROR,
    "Aliases that repeat aliases grow without bounds.",
    "write out what the aliases repeat",
)

CREDENTIAL = Rule(
    "DPK012",
    Severity.ERROR,
    "These files lie in git, and what a location says passes through the control plane of Dagster+: a "
    "literal secret has left your cluster.",
    "put it into a Kubernetes Secret, and name that here",
)
