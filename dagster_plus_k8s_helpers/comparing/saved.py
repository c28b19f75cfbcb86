"""A plan that ``plan -o json`` or ``plan -o yaml`` wrote: what a later one is compared with."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from dagster_plus_k8s_helpers.comparing.report import PodSide
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LAST_PEAK", "PEAK", "SavedPlan", "SavedPod", "read_plan"]

PEAK = "requested at one time"
LAST_PEAK = "with each memory ladder at its last rung"


@dataclass(frozen=True)
class SavedPod:
    """A pod of a plan.

    Attributes:
        side: Its Job, and which layer set what; ``None`` for a step without a pod of its own.
        namespace: Where its Job is sent.
        facts: What else is said of the step, by name.
    """

    side: PodSide | None
    namespace: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedPlan:
    """A plan.

    Attributes:
        job: Name of the job.
        pods: The pods, by what they are called, the run's first.
        facts: What is said of the whole; empty where the plan is YAML, which holds the Jobs alone.
        is_whole: Whether it says everything, and not the Jobs alone.
    """

    job: str
    pods: Mapping[str, SavedPod]
    facts: Mapping[str, str]
    is_whole: bool


def read_plan(content: bytes, file: str) -> SavedPlan:
    """A plan out of a file.

    Raises:
        PlanError: The file holds none.
    """
    try:
        return _read(content, file)
    except PlanError:
        raise
    except RecursionError:
        _refuse(file, "it is nested too deeply")
    # What is in the place of something else: a mapping, a list, a number.
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        _refuse(file, f"{type(error).__name__}: {error}")


def _read(content: bytes, file: str) -> SavedPlan:
    text = content.decode("utf-8-sig")
    if text.lstrip()[:1] == "{":
        whole = json.loads(text)
        if not isinstance(whole, dict) or not {"job", "run", "steps", "settings"} <= whole.keys():
            _refuse(file, "it is JSON of something else")
        return _of_json(whole)
    documents, findings = read_yaml(content, file)
    if findings:
        _refuse(file, str(findings[0]))
    headings = [match for line in text.splitlines() if (match := _HEADING.match(line))]
    if not documents or len(headings) != len(documents):
        _refuse(file, "its Jobs do not say whose they are")
    return _of_yaml([document.data for document in documents], headings)


def _refuse(file: str, why: str) -> NoReturn:
    raise PlanError(
        f"{file}: this is no plan ({why}); write one with dagster-plus-k8s plan -o json"
    ) from None


_HEADING = re.compile(r"# (?P<of>run of|step) (?P<name>.+), in the namespace (?P<namespace>.+)$")


def _of_yaml(jobs: list[Any], headings: list[re.Match[str]]) -> SavedPlan:
    pods = {}
    for job, heading in zip(jobs, headings, strict=True):
        if job["kind"] != "Job":
            raise ValueError(f"a {job['kind']}")
        name = "run" if heading["of"] == "run of" else f"step {heading['name']}"
        pods[name] = SavedPod(PodSide(job, {}), heading["namespace"])
    return SavedPlan(headings[0]["name"], pods, {}, is_whole=False)


def _of_json(whole: Mapping[str, Any]) -> SavedPlan:
    layers = [
        {path: str(origin["layer"]) for path, origin in settings["origins"].items()}
        for settings in whole["settings"]
    ]
    run = whole["run"]
    pods = {"run": SavedPod(PodSide(run["manifest"], layers[run["settings"]]), run["namespace"])}
    for key, step in whole["steps"].items():
        own = step["manifest"]
        side = None if own is None else PodSide(own, layers[step["settings"]])
        pods[f"step {key}"] = SavedPod(side, step["namespace"] or "", _facts_of_step(step))
    return SavedPlan(whole["job"], pods, _facts(whole), is_whole=True)


def _facts_of_step(step: Mapping[str, Any]) -> dict[str, str]:
    last, size = step.get("last_memory"), step.get("size")
    return {
        "runs in": step["runs_in"],
        "waits for": ", ".join(step["depends_on"]) or "nothing",
        "retries": str(step["max_retries"]),
        "memory of the last attempt": "" if last is None else str(last["limit"] or last["request"]),
        "size decided by": "" if size is None else size["by"],
    }


def _facts(whole: Mapping[str, Any]) -> dict[str, str]:
    at_once = whole["max_concurrent"]
    facts = {
        "executor": str(whole["executor"]),
        "steps at once": "no limit" if at_once is None else str(at_once),
        PEAK: _peak(whole["peak"]),
        LAST_PEAK: _peak(whole["last_peak"]),
    }
    costs = whole["costs"]
    if costs:
        of_runs = [cost["a_run"] for cost in costs.values() if cost["a_run"] is not None]
        hourly = [cost["an_hour"] for cost in costs.values() if cost["an_hour"] is not None]
        facts["an hour of every step costs"] = f"{sum(hourly):,.2f}" if hourly else "unknown"
        facts["a run costs"] = f"{sum(of_runs):,.2f}" if of_runs else "unknown"
    homeless = [name for name, fit in (whole["fit"] or {}).items() if not fit["pools"]]
    if whole["fit"] is not None:
        facts["fits no node"] = ", ".join(homeless) or "nothing"
    return facts


def _peak(peak: Mapping[str, Any]) -> str:
    least, most = peak["at_least"], peak["at_most"]
    if peak["is_exact"]:
        return _amounts(least)
    return f"at least {_amounts(least)}" + ("" if most is None else f", at most {_amounts(most)}")


def _amounts(amounts: Mapping[str, str]) -> str:
    cpu, memory, gpu = (float(amounts[name]) for name in ("cpu", "memory", "gpu"))
    parts = [f"{cpu:g} CPU" if cpu else "", _memory(memory), f"{gpu:g} GPU" if gpu else ""]
    return ", ".join(filter(None, parts)) or "nothing"


def _memory(amount: float) -> str:
    for exponent, unit in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki"), (0, "")):
        if amount >= 2**exponent:
            return f"{round(amount / 2**exponent, 1):g}{unit} memory"
    return ""
