"""Writes pod/kubernetes_fields.json: the fields of every Kubernetes object a pod config can hold.

Read off the models of the installed `kubernetes` package, which dagster_k8s builds its manifests with:

    python scripts/generate_kubernetes_fields.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOTS = (
    "V1Container",
    "V1DeploymentStrategy",
    "V1JobSpec",
    "V1ObjectMeta",
    "V1PodSpec",
    "V1ServiceSpec",
)
# dagster writes the pod template itself, whatever a config says.
LEFT_OUT = {("V1JobSpec", "template")}
# The models type these as text; Kubernetes reads a resource.Quantity.
QUANTITIES = {
    ("V1EmptyDirVolumeSource", "size_limit"),
    ("V1PodSpec", "overhead"),
    ("V1ResourceFieldSelector", "divisor"),
    ("V1ResourceRequirements", "limits"),
    ("V1ResourceRequirements", "requests"),
    ("V1VolumeResourceRequirements", "limits"),
    ("V1VolumeResourceRequirements", "requests"),
}
TARGET = (
    Path(__file__).parent.parent / "dagster_plus_k8s_helpers" / "pod" / "objects" / "kubernetes_fields.json"
)


def main() -> None:
    """Regenerate the table."""
    TARGET.write_text(json.dumps(read_models(), indent=0, sort_keys=True) + "\n")
    print(f"wrote {TARGET}")


def read_models() -> dict[str, dict[str, list[str]]]:
    """``{model: {snake_case field: [camelCase field, type]}}`` for all that can be reached from ROOTS."""
    from kubernetes.client import models

    found: dict[str, dict[str, list[str]]] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        model = getattr(models, name)
        fields = {
            field: [model.attribute_map[field], normalised(kind, quantity=(name, field) in QUANTITIES)]
            for field, kind in model.openapi_types.items()
            if (name, field) not in LEFT_OUT
        }
        found[name] = fields
        waiting += [inner for _, kind in fields.values() for inner in re.findall(r"\w*V\d\w+", kind)]
    return found


def normalised(kind: str, *, quantity: bool) -> str:
    """One spelling for types: ``dict(str, str)`` and ``dict[str, str]`` become ``dict[str]``."""
    kind = re.sub(r"dict[(\[]str, ?(\w+)[)\]]", r"dict[\1]", kind)
    return kind.replace("str", "quantity") if quantity else kind


if __name__ == "__main__":
    main()
