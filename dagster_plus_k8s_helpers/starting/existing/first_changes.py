"""What to change first in a project that there is: at a place, why, and what to write."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.credentials.telling import find_credentials
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.starting.existing.project_files import spot
from dagster_plus_k8s_helpers.starting.existing.python_code import CONFIG_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import YamlDocument
    from dagster_plus_k8s_helpers.starting.existing.python_code import Code, Collected, Dictionary
    from dagster_plus_k8s_helpers.starting.existing.settings_files import Module

__all__ = ["Change", "changes"]

_IMPORTS = """\
import dagster as dg
from dagster_plus_k8s_helpers import executor_for_deployment, k8s_executor
"""
_EXECUTOR = """\
executor=executor_for_deployment(
    local=dg.multiprocess_executor,
    default=k8s_executor(max_concurrent=10),
),
"""
_IN_ONE_POD = frozenset({"in_process_executor", "multiprocess_executor", "multi_or_in_process_executor"})
_RUN_SIZE = """\
container_context:
  k8s:
    run_k8s_config:
      container_config:
        resources:
          limits: {cpu: 250m, memory: 512Mi}
"""


class Change(NamedTuple):
    """One thing to change.

    Attributes:
        place: File and line, or the file to make.
        reason: What is there, and what comes of it.
        write: What to write, in lines.
    """

    place: str
    reason: str
    write: str


def changes(
    code: Code,
    module: Module | None,
    locations: list[YamlDocument],
    values: list[YamlDocument],
    *,
    is_held: bool,
) -> Iterator[Change]:
    """What to change, the most telling first.

    Args:
        code: What the Python of the project says.
        module: Its definitions.
        locations: Its files dagster_cloud.yaml.
        values: Its agents' values.
        is_held: Whether a test looks at its pods already.
    """
    yield from _of_the_executor(code)
    yield from _of_a_dictionary(code.dictionaries)
    if not code.dictionaries:
        yield from _of_an_asset(code)
    yield from _of_locations(locations, module)
    yield from _of_values(values)
    if not is_held:
        yield _of_tests(module)


def _of_the_executor(code: Code) -> Iterator[Change]:
    found = next((item for item in code.executors if not item.is_of_a_job), None)
    if found is not None and found.name in _IN_ONE_POD:
        reason = f"{found.name} runs every step in the run's own pod, whatever op tags say"
        yield Change(spot(found.file, found.line), reason, _IMPORTS + _EXECUTOR)
    elif found is not None and found.name == "k8s_job_executor":
        reason = (
            "k8s_job_executor starts pods on a laptop too, and does not say why one failed; k8s_executor "
            "takes the same settings"
        )
        # What limits the cluster's load today is not changed in passing.
        limit = f"max_concurrent={found.max_concurrent}" if found.max_concurrent else ""
        write = _EXECUTOR.replace("max_concurrent=10", limit)
        yield Change(spot(found.file, found.line), reason, _IMPORTS + write)
    elif found is None and code.collected and not any(item.has_executor for item in code.collected):
        yield _without_executor(_outermost(code.collected))


def _outermost(collected: tuple[Collected, ...]) -> Collected:
    """The call that makes the definitions of the project: of a file of that name, nearest to the top."""
    named = [item for item in collected if item.file.rpartition("/")[2] == "definitions.py"]
    return (named or list(collected))[0]


def _without_executor(found: Collected) -> Change:
    reason = "no executor is given, so that every step runs in the run's own pod, whatever op tags say"
    write = _IMPORTS + _EXECUTOR
    if found.is_folder:
        inner = textwrap.indent(_EXECUTOR, "        ")
        write = f"{_IMPORTS}dg.Definitions.merge(\n    {found.source},\n    dg.Definitions(\n{inner}    ),\n)"
    return Change(spot(found.file, found.line), reason, write)


def _of_a_dictionary(found: tuple[Dictionary, ...]) -> Iterator[Change]:
    if not found:
        return
    # A dictionary that Kubernetes refuses comes before those that are well.
    first = next((item for item in found if _read(item)[1]), found[0])
    others = len(found) - 1
    config, problem = _read(first)
    more = (
        f"; {others} more{'' if problem else ' like it'}: dagster-plus-k8s migrate rewrites them all"
        if others
        else ""
    )
    if problem:
        yield Change(
            spot(first.file, first.line),
            f"Dagster takes this dictionary, and Kubernetes does not: {problem}{more}",
            "a K8sConfig, which is refused where it is written",
        )
        return
    written = config or "K8sConfig(resources=Resources(cpu=..., memory=...))"
    where = (
        "op_tags=POD, or tags=POD, in place of the dictionary of tags"
        if first.key == CONFIG_TAG
        else f"POD.to_dict() behind {first.key!r}"
    )
    names = ", ".join(["K8sConfig", *sorted(set(re.findall(r"\b([A-Z]\w+)\(", written)) - {"K8sConfig"})])
    yield Change(
        spot(first.file, first.line),
        f"nothing looks at what this dictionary says before a pod is made of it{more}",
        f"from dagster_plus_k8s_helpers import {names}\nPOD = {written}\n{where}",
    )


def _read(found: Dictionary) -> tuple[str, str]:
    """A dictionary as a `K8sConfig` in Python, or what is wrong with it; neither where it is no literal."""
    try:
        literal = ast.literal_eval(found.source)
    except (ValueError, SyntaxError, TypeError):
        return "", ""
    if not isinstance(literal, Mapping) or found.key == "per_step_k8s_config":
        return "", ""
    try:
        config = K8sConfig.from_dict(literal)
    except K8sConfigError as error:
        return "", str(error)
    # What an object has by default need not be written.
    return re.sub(r", \w+=None\b", "", _without_credentials(config)).replace("(None", "("), ""


def _without_credentials(config: K8sConfig) -> str:
    """A config in Python; a literal that looks like a credential stands in the file, and not here."""
    written, data = repr(config), config.to_dict()
    for path, _kind in find_credentials(data):
        found: Any = data
        for part in path:
            found = found[part]
        written = written.replace(repr(found), '"..."')
    return written


def _of_an_asset(code: Code) -> Iterator[Change]:
    if not code.unsized:
        return
    found, others = code.unsized[0], len(code.unsized) - 1
    more = f"; {others} more like it" if others else ""
    head, _, rest = found.decorator.partition("(")
    given = f"{rest[:-1]}, " if rest not in {"", ")"} else ""
    yield Change(
        spot(found.file, found.line),
        f"{found.name} does not say what its pod needs{more}",
        "from dagster_plus_k8s_helpers import k8s_tags\n"
        f'@{head}({given}{found.argument}=k8s_tags(cpu="500m", memory="1Gi"))',
    )


def _of_locations(documents: list[YamlDocument], module: Module | None) -> Iterator[Change]:
    if not documents:
        name = module.name if module else "my_project.definitions"
        location = (module.location if module else "") or name.split(".")[0]
        write = (
            f"locations:\n  - location_name: {location}\n    code_source:\n      module_name: {name}\n"
            + textwrap.indent(_RUN_SIZE, "    ")
        )
        yield Change("dagster_cloud.yaml", "there is none, by which Dagster+ would know this project", write)
        return
    for document in documents:
        listed = document.data.get("locations") if isinstance(document.data, Mapping) else None
        for index, item in enumerate(listed or ()):
            k8s = _under(item, "container_context", "k8s")
            if _under(k8s, "run_k8s_config", "container_config", "resources"):
                continue
            general = _under(k8s, "resources")
            path = ["locations", index, *(("container_context", "k8s", "resources") if general else ())]
            where = document.where(path, key=bool(general))
            called = item.get("location_name") if isinstance(item, Mapping) else None
            reason = (
                "these resources are those of code servers and of runs alike; give runs their own"
                if general
                else f"the pods of the runs of {called} have no size, so that the node may be full"
            )
            yield Change(spot(document.file, where.line), reason, _RUN_SIZE)
            return


def _of_values(documents: list[YamlDocument]) -> Iterator[Change]:
    for document in documents:
        if not _under(document.data, "workspace", "runK8sConfig"):
            where = document.where(["workspace"], key=True)
            yield Change(
                spot(document.file, max(where.line, 1)),
                "the agent says nothing of the pods of runs, so that each location has to",
                "workspace:\n  runK8sConfig:\n    containerConfig:\n      resources:\n"
                "        limits: {cpu: 250m, memory: 512Mi}",
            )
            return


def _of_tests(module: Module | None) -> Change:
    name = module.name if module else "my_project.definitions"
    return Change(
        "tests/test_pods.py",
        "a test that holds what every pod will be",
        "from dagster_plus_k8s_helpers.plan import check\n"
        "from dagster_plus_k8s_helpers.testing import assert_no_findings\n"
        f"from {name} import defs\n\n\n"
        "def test_check_finds_nothing():\n    assert_no_findings(check(defs))",
    )


def _under(data: Any, *keys: str) -> Any:
    """What stands below keys; an empty mapping where nothing does."""
    for key in keys:
        data = (data.get(key) if isinstance(data, Mapping) else None) or {}
    return data
