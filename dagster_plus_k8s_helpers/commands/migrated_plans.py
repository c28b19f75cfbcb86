"""Makes the plans of every job of a project, with other contents for some of its files: see ``migrate``.

A process of its own, so that the modules of before are not those of after.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

    import dagster as dg

    from dagster_plus_k8s_helpers.deployment import Deployment

__all__ = ["answer", "import_instead"]


def import_instead(contents: Mapping[str, bytes]) -> None:
    """Has Python import other contents for some files, from now on.

    Args:
        contents: By the real path of each file.
    """
    original = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        path = loader.get_filename(fullname)
        content = contents.get(str(Path(path).resolve()))
        if content is None:
            return original(loader, fullname)
        code: CodeType = loader.source_to_code(content, path)
        return code

    # Python looks it up by the loader of the file, which is this one for every file of Python.
    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The plans that are asked for, or why there are none.

    Args:
        request: What `migrating.plans.plans_of` writes.
    """
    from click import ClickException

    from dagster_plus_k8s_helpers.commands.code_location import loader_of
    from dagster_plus_k8s_helpers.commands.planning import deployment_of
    from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
    from dagster_plus_k8s_helpers.plan.merge.jobs import loaded

    os.environ.update(request["env"])
    import_instead({path: text.encode("latin-1") for path, text in request["contents"].items()})
    deployment = deployment_of(request["deployment"], branch=False)
    folder = None if request["folder"] is None else Path(request["folder"])
    try:
        definitions = loaded(loader_of(request["module"], folder), deployment)
        jobs = {job.name: _planned(job, deployment) for job in definitions.get_all_jobs()}
    except ClickException as error:
        return {"error": error.message}
    except DagsterPlusK8sError as error:
        return {"error": str(error)}
    files = {str(Path(file).resolve()) for file in map(_file_of, list(sys.modules.values())) if file}
    return {"jobs": jobs, "loaded": sorted(files & set(request["files"]))}


def _file_of(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _planned(job: dg.JobDefinition, deployment: Deployment) -> dict[str, Any]:
    """The pods of a job by step, and what its op tags ask for where a step has none of its own."""
    from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
    from dagster_plus_k8s_helpers.plan.resolve import plan_of_job

    try:
        plan = plan_of_job(job, deployment=deployment)
        pods = {"run": plan.run.manifest}
        steps: dict[str, Any] = {}
        for step in plan.steps.values():
            if step.pod is not None:
                pods[f"step {step.key}"] = step.pod.manifest
            steps[step.key] = {
                "runs_in": step.runs_in,
                "asked": {"limits": dict(step.asked.limits), "requests": dict(step.asked.requests)},
                "max_retries": step.max_retries,
            }
    except DagsterPlusK8sError as error:
        return {"refused": str(error)}
    whole = {"executor": plan.executor, "max_concurrent": plan.max_concurrent, "pods": pods, "steps": steps}
    plain: dict[str, Any] = json.loads(json.dumps(whole, default=str))
    return plain


if __name__ == "__main__":
    asked, answered = map(Path, sys.argv[1:])
    made = answer(json.loads(asked.read_text("utf-8")))
    answered.write_text(json.dumps(made), "utf-8")
