"""The JSON schema of the chart dagster-cloud-agent, where it lies beside this project, read without a network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import kubernetes_validate
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = Path(os.environ.get("CHART_FOLDER") or Path(__file__).parents[3] / "shared" / "chart")

# What the chart's own values say where its schema wants something.
DEFAULTS: dict[str, Any] = {
    "imagePullSecrets": [],
    "serviceAccount": {"create": True, "name": "", "annotations": {}},
    "dagsterCloud": {"agentTokenSecretName": "dagster-cloud-agent-token", "branchDeployments": False},
    "dagsterCloudAgent": {
        "image": {"repository": "docker.io/dagster/dagster-cloud-agent", "tag": None, "pullPolicy": "Always"},
        "env": {},
        "nodeSelector": {},
        "affinity": {},
        "tolerations": [],
        "podSecurityContext": {},
        "securityContext": {},
        "resources": {},
        "annotations": {},
        "labels": {},
        "replicas": 1,
    },
    "workspace": {"pullPolicy": "Always"},
    "computeLogs": {"enabled": True},
    "pythonLogs": {},
}


def chart_problems(values: dict[str, Any]) -> list[str]:
    """What the chart's schema says about values, laid onto the chart's own as Helm does."""
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    newest = max(
        folder.glob("v*-local-strict"), key=lambda path: [int(part) for part in path.name[1:-13].split(".")]
    )
    models = json.loads((newest / "_definitions.json").read_text())["$defs"]
    definitions = {"definitions": models, "$defs": models}
    registry: Any = Registry(
        retrieve=lambda _uri: Resource.from_contents(definitions, default_specification=DRAFT7)
    )
    validator = jsonschema.Draft7Validator(schema(), registry=registry)
    return [
        f"{error.json_path}: {error.message}" for error in validator.iter_errors(merged(DEFAULTS, values))
    ]


def chart_keys() -> list[str]:
    """The path of every key that the chart's schema names itself."""
    definitions = schema()["definitions"]
    # What they hold is Kubernetes', or a pod config with types of its own.
    others = {"RunK8sConfig", "ServerK8sConfig"}

    def walk(properties: dict[str, Any], path: str) -> Iterator[str]:
        for name, value in properties.items():
            here = f"{path}.{name}".removeprefix(".")
            yield here
            for choice in (value, *value.get("anyOf", ())):
                target = choice.get("$ref", "").rpartition("/")[2]
                if target in definitions and target not in others:
                    yield from walk(definitions[target].get("properties", {}), here)

    return list(walk(schema()["properties"], ""))


def schema() -> dict[str, Any]:
    """The schema, or the test that needs it is skipped."""
    schemas = sorted(CHART.glob("*.schema.json"))
    if not schemas:
        pytest.skip("the chart's schema is not at hand")
    found: dict[str, Any] = json.loads(schemas[-1].read_text())
    return found


def merged(defaults: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Values over defaults as Helm lays them: mappings merge, a null deletes."""
    result = dict(defaults)
    for key, value in values.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
