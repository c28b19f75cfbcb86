"""The rule that has the API server judge each Job, and the pod that comes of it, without making them.

It knows what no rule here does: admission webhooks, policies, LimitRanges, quotas. Those act when a pod is
made and not when its Job is, so that a Job which is taken may never get a pod: both are asked about.
Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/ and
https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.check.rules.objects import missing, namespace_of
from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import POD_SPEC, amount
from dagster_plus_k8s_helpers.cluster.errors import causes_of
from dagster_plus_k8s_helpers.credentials.telling import credential_by_form
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings
    from dagster_plus_k8s_helpers.cluster.errors import CallError
    from dagster_plus_k8s_helpers.plan.merge.rendering import Manifest

__all__ = ["not_told_before"]


_NAME = "dagster-plus-k8s-check-"
_IMAGE = "example.com/dagster-plus-k8s-check:1"


REFUSED_BY_CLUSTER = Rule(
    "DPK571",
    Severity.ERROR,
    "An API server, admission webhook, policy, LimitRange or quota of this cluster refuses it. A Job "
    "that is refused starts nothing; one whose pod is refused waits for ever.",
    "write what the cluster takes, or have whoever runs the cluster allow it",
    needs=Need.DRY_RUN,
)
QUOTA_USED_UP = Rule(
    "DPK572",
    Severity.WARNING,
    "The namespace has a quota that would take the pod, and whose rest is too small for it now; until "
    "something else ends, its Job waits without a pod.",
    "wait, ask for less, or raise the quota",
    needs=Need.DRY_RUN,
)


@of_pods(REFUSED_BY_CLUSTER, QUOTA_USED_UP, whose="job")
def refused_by_cluster(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Job, or the pod that comes of it, that the API server would not make."""
    objects = around.objects
    if objects is None or not objects.dry_runs:
        return
    namespace = namespace_of(group, objects)
    if objects.has("Namespace", "", namespace) is False:
        return
    for resource, kind, body in _bodies(group.pod.manifest):
        error = objects.refusal(resource, namespace, body)
        if error is not None:
            absent = [reference.name for reference in missing(group, around)]
            yield from _hits(group, kind, error, absent)
            # What is wrong with a Job is as a rule wrong with its pod.
            return


def not_told_before(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without refusals by the cluster of a field that another rule speaks of."""
    return [
        hit
        for hit in hits
        if hit.rule is not REFUSED_BY_CLUSTER
        or not hit.part
        or not any(
            other.rule is not REFUSED_BY_CLUSTER
            and hit.part in other.text
            and (set(hit.steps) & set(other.steps) or (hit.of and hit.of == other.of))
            for other in hits
        )
    ]


def _hits(group: PodGroup, kind: str, error: CallError, absent: Sequence[str]) -> Iterator[Hit]:
    causes = dict.fromkeys(causes_of(error)) or {("", _said(error)): None}
    for field, said in causes:
        # What is not there has been told, and what only the launch knows is not wrong.
        if any(f'"{name}"' in said or f"/{name}:" in said for name in absent) or _IMAGE in said:
            continue
        path = field if kind == "Job" else field.replace("spec.", f"{POD_SPEC}.", 1)
        try:
            by = f" by {group.pod.origin(path).layer}" if path else ""
        except PlanError:
            by = ""
        shown = f"it looks like {credential_by_form(said)}" if credential_by_form(said) else said
        text = f"{field}{by}: {shown}" if field else shown
        part = path.removeprefix(f"{POD_SPEC}.")
        yield group.hit(
            _rule_of(said), f"the cluster takes no such {kind}: {text}", cause=f"{part} {said}", part=part
        )


def _said(error: CallError) -> str:
    """What the API server says, without the name that it made up."""
    return re.sub(
        rf'^(\w+)[\w.]* "{_NAME}\w*" is ', r"it is ", str(error).partition(" ")[2].partition(" ")[2]
    )


_QUOTA = re.compile(r"exceeded quota: .*?, requested: (.*), used: (.*), limited: (.*)")


def _rule_of(said: str) -> Rule:
    """A quota that would do if nothing else used it is used up now, which may pass."""
    found = _QUOTA.search(said)
    if found is None:
        return REFUSED_BY_CLUSTER
    requested, _, limited = (_amounts(text) for text in found.groups())
    is_never = any(
        wanted is not None and most is not None and wanted > most
        for wanted, most in ((amount(value), amount(limited.get(name))) for name, value in requested.items())
    )
    return REFUSED_BY_CLUSTER if is_never else QUOTA_USED_UP


def _amounts(text: str) -> dict[str, str]:
    return dict(part.rsplit("=", 1) for part in text.split(",") if "=" in part)


def _bodies(manifest: Manifest) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The Job and its pod as they can be sent, and the same for all that have the same settings."""
    job = _sendable(manifest)
    template = job["spec"]["template"]
    yield "jobs", "Job", job | {"metadata": _metadata(job)}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(template), "spec": template["spec"]}
    yield "pods", "pod", pod


def _metadata(holder: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in holder.get("metadata", {}).items() if key != "name"}
    labels = {
        key: "unknown" if key.startswith(("dagster/", "app.kubernetes.io/")) else value
        for key, value in (metadata.get("labels") or {}).items()
    }
    return metadata | {"generateName": _NAME} | ({"labels": labels} if labels else {})


def _sendable(manifest: Manifest) -> dict[str, Any]:
    """A Job without what tells one step from another, and with stand-ins for what only the launch knows."""
    job: dict[str, Any] = _without_placeholders(manifest)
    template = job["spec"]["template"]
    template["metadata"] = _metadata(template)
    template["metadata"].pop("generateName")
    spec = template["spec"]
    if spec.get("serviceAccountName") == _UNKNOWN:
        del spec["serviceAccountName"]
    first = spec["containers"][0]
    if first.get("image") == _UNKNOWN:
        first["image"] = _IMAGE
    first["args"] = [_UNKNOWN]
    for variable in first.get("env") or ():
        if "value" in variable and variable["name"].startswith("DAGSTER_"):
            variable["value"] = _UNKNOWN
    return job


_UNKNOWN = "unknown"


def _without_placeholders(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(r"<[^<>]*>", _UNKNOWN, value)
    if isinstance(value, dict):
        return {key: _without_placeholders(item) for key, item in value.items()}
    return [_without_placeholders(item) for item in value] if isinstance(value, list) else value
