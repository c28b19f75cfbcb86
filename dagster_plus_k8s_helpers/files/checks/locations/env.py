"""Environment variables and mounts of a code location, as the merging of defaults leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dagster_plus_k8s_helpers.credentials.telling import credential_by_form
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.checks.agent_variables import BARE_ENV_VAR
from dagster_plus_k8s_helpers.files.locations.variables import (
    PODS,
    Variable,
    again,
    env_lists,
    listed,
    variables,
)
from dagster_plus_k8s_helpers.files.sections.env_entries import VALUE_FIX, check_env_text, has_no_value
from dagster_plus_k8s_helpers.files.sections.placeholders import has_placeholder
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.locations.variables import K8sPart
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_env", "check_mounts"]

DUPLICATE_ENV_VAR = Rule(
    "DPK306",
    Severity.ERROR,
    "Of two environment variables of one name in a container Kubernetes takes the last; the merging of "
    "defaults appends lists, so that which one is last is easily overlooked. A warning where the location's "
    "is the last, as it mostly is meant to be.",
    "keep one of the two",
)
DEFAULT_WITH_EQUALS_SIGN = Rule(
    "DPK308",
    Severity.ERROR,
    "Dagster+ splits the env_vars of defaults at every equals sign when a location has env_vars too, and "
    "raises when there is more than one.",
    "move the variable to env, as a name and a value",
)
LOST_MOUNT = Rule(
    "DPK311",
    Severity.ERROR,
    "When defaults and a location both have volume_mounts, Dagster+ keeps one mount for each volume.",
    "mount the volume once, or write the mounts in run_k8s_config and server_k8s_config",
)


def check_env(parts: Sequence[K8sPart], default: K8sPart | None) -> list[Finding]:
    """What is wrong with the environment variables of all locations.

    Args:
        parts: Those of the locations.
        default: That of the defaults.
    """
    everywhere = [default, *parts] if default else list(parts)
    findings = [finding for part in everywhere for finding in _check_texts(part)]
    if default and any(isinstance(part.k8s.get("env_vars"), list) for part in parts):
        findings += _check_equals_signs(default)
    said: set[Path] = set()
    for config, pods in PODS.items():
        inherited = _by_name(variables(default, config)) if default else {}
        # The defaults by themselves first, so that what is wrong with them is said there and once.
        for part in everywhere:
            for finding, path in _check_twice(part, {} if part is default else inherited, config, pods):
                if path not in said:
                    said.add(path)
                    findings.append(finding)
    return findings


def check_mounts(parts: Sequence[K8sPart], default: K8sPart | None) -> list[Finding]:
    """Mounts that are lost when those of the defaults and of a location are merged."""
    below = _by_name(_mounts(default)) if default else {}
    findings: list[Finding] = []
    for part in parts if below else ():
        own = _by_name(_mounts(part))
        # Mounts of the defaults are lost to each other, too, once a location has any.
        for name in {**own, **{name: () for name in below if own and len(below[name]) > 1}}:
            mounts = [*below.get(name, ()), *own.get(name, ())]
            for mount in mounts if name in below else ():
                if mount.point != mounts[-1].point:
                    line = part.where(mounts[-1].path).line
                    message = (
                        f"of the volume {name!r} only the mount on line {line} is kept; this one is lost"
                    )
                    findings.append(LOST_MOUNT.at(part.where(mount.path), message))
    return findings


class _Mount(NamedTuple):
    name: str
    path: Path
    point: object


def _mounts(part: K8sPart) -> list[_Mount]:
    return [
        _Mount(
            mount["name"],
            (*part.path, "volume_mounts", index),
            mount.get("mount_path", mount.get("mountPath")),
        )
        for index, mount in enumerate(listed(part.k8s.get("volume_mounts")))
        if isinstance(mount, Mapping) and isinstance(mount.get("name"), str)
    ]


T = TypeVar("T", Variable, _Mount)


def _by_name(items: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for item in items:
        found.setdefault(item.name, []).append(item)
    return found


def _check_texts(part: K8sPart) -> Iterator[Finding]:
    for index, text in enumerate(listed(part.k8s.get("env_vars"))):
        if isinstance(text, str) and "=" not in text and _is_name(text) and not has_placeholder(text):
            shown = "this variable" if credential_by_form(text) else repr(text)
            where = part.where((*part.path, "env_vars", index))
            yield BARE_ENV_VAR.at(where, f"{shown} has no value")
    for path, entries in env_lists(part, *PODS):
        for index, entry in enumerate(entries):
            if isinstance(entry, Mapping) and has_no_value(entry):
                message = f"{entry['name']!r} has neither a value nor a value_from and is set to empty text"
                yield BARE_ENV_VAR.at(part.where((*path, index)), message, fix=VALUE_FIX)


def _is_name(text: str) -> bool:
    try:
        check_env_text(text)
    except K8sConfigError:
        return False  # which reading the part says
    return True


def _check_equals_signs(default: K8sPart) -> Iterator[Finding]:
    for index, text in enumerate(listed(default.k8s.get("env_vars"))):
        if isinstance(text, str) and text.count("=") > 1:
            name = text.partition("=")[0]
            yield DEFAULT_WITH_EQUALS_SIGN.at(
                default.where((*default.path, "env_vars", index)),
                f"the value of {name!r} has an equals sign, at which Dagster+ cannot merge it",
            )


def _check_twice(
    part: K8sPart, below: Mapping[str, Sequence[Variable]], config: str, pods: str
) -> Iterator[tuple[Finding, Path]]:
    """Two variables of one name in one pod: in one list, in two, or in the defaults and in the location."""
    for item, other in again(part, below, config):
        line = part.where(other.path).line
        is_inherited = other in below.get(item.name, ())
        merged = ", and merging the defaults keeps both" if is_inherited else ""
        message = f"{item.name!r} is set twice for {pods}; line {line} sets it too{merged}"
        is_last = is_inherited and _rank(item) >= _rank(other)
        rule = _OVERRIDDEN_ENV_VAR if is_last else DUPLICATE_ENV_VAR
        yield rule.at(part.where(item.path), message), item.path


_OVERRIDDEN_ENV_VAR = replace(DUPLICATE_ENV_VAR, severity=Severity.WARNING)


def _rank(variable: Variable) -> int:
    """The place of its list among those of a pod, whose defaults and location stand one after the other.

    Source: ``dagster_k8s.container_context.K8sContainerContext._get_base_user_defined_k8s_config``
    """
    kind = variable.path[-2]
    return 2 if "container_config" in variable.path else ("env_vars", "env").index(str(kind))
