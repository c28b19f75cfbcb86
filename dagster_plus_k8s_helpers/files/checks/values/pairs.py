"""Mistakes in values that lie between two keys or two items: what is said twice, and what contradicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.credentials.telling import credential_by_form
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.checks.agent_variables import Given, given_by
from dagster_plus_k8s_helpers.files.checks.reasons import ENV_TWICE, INVALID_VALUE
from dagster_plus_k8s_helpers.files.sections.env_entries import (
    VALUE_FIX,
    check_env_text,
    has_no_value,
)
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_pairs"]

TOKEN_TWICE = Rule(
    "DPK206",
    Severity.ERROR,
    "Of an agent token and the Secret of one only one counts.",
    "keep agentTokenSecretName and delete agentTokenValue",
)
TOKEN_IN_FILE = Rule(
    "DPK207",
    Severity.WARNING,
    "A token in the values can be read in the file, in the release and in the description of every pod.",
    "put the token into a Secret and name that in agentTokenSecretName",
)
DEPLOYMENT_TWICE = Rule(
    "DPK208",
    Severity.ERROR,
    "Dagster+ wants the deployments of an agent in one place.",
    "keep deployments, and delete deployment",
)
ENV_WITHOUT_VALUE = Rule(
    "DPK210",
    Severity.ERROR,
    "A bare name in envVars takes the value that the agent's own environment has, and fails when it has "
    "none; an entry of env that has a name only is empty text.",
    "write NAME=value, or give the agent the variable in dagsterCloudAgent.env or envFrom",
)


def check_pairs(document: YamlDocument, data: Mapping[Any, Any]) -> Iterator[Finding]:
    """What contradicts itself or is said twice.

    Args:
        document: The document that holds the values.
        data: The values.
    """
    yield from _token(document, _mapping(data, "dagsterCloud"))
    yield from _env(document, _mapping(data, "workspace"), _mapping(data, "dagsterCloudAgent"))


def _token(document: YamlDocument, cloud: Mapping[Any, Any]) -> Iterator[Finding]:
    where = document.where(("dagsterCloud", "agentTokenValue"))
    if cloud.get("agentTokenValue") and cloud.get("agentTokenSecretName"):
        yield TOKEN_TWICE.at(where, "agentTokenValue and agentTokenSecretName are both set")
    # What has the form of a token is found as every credential is, and is an error.
    elif cloud.get("agentTokenValue") and not credential_by_form(str(cloud["agentTokenValue"])):
        yield TOKEN_IN_FILE.at(where, "the agent token stands in the file")
    if cloud.get("deployment") and cloud.get("deployments"):
        where = document.where(("dagsterCloud", "deployment"))
        yield DEPLOYMENT_TWICE.at(where, "deployment and deployments are both set")


def _env(document: YamlDocument, workspace: Mapping[Any, Any], agent: Mapping[Any, Any]) -> Iterator[Finding]:
    yield from _without_value(document, ("dagsterCloudAgent", "env"), agent.get("env"))
    entries = workspace.get("envVars")
    first: dict[str, int] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, str):
            continue
        path: Path = ("workspace", "envVars", index)
        name, sign, _ = entry.partition("=")
        try:
            check_env_text(entry)
        except K8sConfigError as error:
            message, _, fix = error.reason.partition("; ")
            yield INVALID_VALUE.at(document.where(path), message, fix=fix)
            continue
        if name in first:
            line = document.where((*path[:-1], first[name])).line
            message = f"the environment variable {name!r} is set twice; line {line} sets it too"
            yield ENV_TWICE.at(document.where(path), message)
        elif not sign and given_by([{"dagsterCloudAgent": agent}], name) is Given.NO:
            message = f"{name!r} has no value here and is read from the agent's environment"
            yield ENV_WITHOUT_VALUE.at(document.where(path), message, fix=_env_fix(name))
        first.setdefault(name, index)
    # A name that is twice in one list has a finding for that.
    said: set[tuple[str, str]] = set()
    for pods in ("runK8sConfig", "serverK8sConfig"):
        env = _mapping(_mapping(workspace, pods), "containerConfig").get("env")
        yield from _without_value(document, ("workspace", pods, "containerConfig", "env"), env)
        for index, entry in enumerate(env if isinstance(env, list) else ()):
            name = str(entry.get("name")) if isinstance(entry, Mapping) else ""
            path = ("workspace", pods, "containerConfig", "env", index)
            if name in first and (pods, name) not in said:
                said.add((pods, name))
                line = document.where(("workspace", "envVars", first[name])).line
                message = (
                    f"the environment variable {name!r} is set twice; envVars sets it too, in line {line}"
                )
                yield ENV_TWICE.at(document.where(path), message)


def _without_value(document: YamlDocument, path: Path, env: object) -> Iterator[Finding]:
    for index, entry in enumerate(env if isinstance(env, list) else ()):
        if isinstance(entry, Mapping) and has_no_value(entry):
            message = f"{entry['name']!r} has neither a value nor a valueFrom and is set to empty text"
            finding = ENV_WITHOUT_VALUE.at(document.where((*path, index)), message, fix=VALUE_FIX)
            # Kubernetes takes it.
            yield replace(finding, severity=Severity.WARNING)


def _env_fix(name: str) -> str:
    return f"write {name}=value, or set {name} in dagsterCloudAgent.env or envFrom"


def _mapping(data: Mapping[Any, Any], key: str) -> Mapping[Any, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}
