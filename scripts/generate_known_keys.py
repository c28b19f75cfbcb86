"""Writes agent/known_keys.json: the keys that the agent, dagster_k8s and Dagster+ read, with the versions.

Read off the schemas of the installed `dagster-cloud` (the agent's own code), `dagster-k8s` and
`dagster-cloud-cli`, which development installs and users need not; what changes is shown:

    python scripts/generate_known_keys.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TARGET = Path(__file__).parent.parent / "dagster_plus_k8s_helpers" / "files" / "sections" / "known_keys.json"
# What agents elsewhere than on Kubernetes read is taken as it is.
AS_IT_IS = ("container_context.docker.", "container_context.ecs.", "container_context.aca.")


def main() -> None:
    """Regenerate the table, and show the difference."""
    before = json.loads(TARGET.read_text("utf-8")) if TARGET.exists() else {}
    after = read_schemas()
    TARGET.write_text(json.dumps(after, indent=1) + "\n", "utf-8")
    for name, table in after.items():
        old = before.get(name, {"version": "nothing", "keys": []})
        print(f"{name}: {table['package']} {old['version']} -> {table['version']}")
        for key in sorted(set(old["keys"]) ^ set(table["keys"])):
            print(f"  {'+' if key in table['keys'] else '-'} {key}")
    print(f"wrote {TARGET}")


def read_schemas() -> dict[str, dict[str, Any]]:
    """``{file: {package, version, keys}}``, a key by its path without indexes."""
    from dagster_cloud.instance import DagsterCloudAgentInstance
    from dagster_cloud.workspace.config_schema import CONFIG_SCHEMA_FIELDS
    from dagster_cloud.workspace.kubernetes.launcher import K8sUserCodeLauncher
    from dagster_cloud_cli.config.models import DagsterCloudYaml
    from dagster_k8s.job import DagsterK8sJobConfig

    agent = {
        *_of_fields(DagsterCloudAgentInstance.config_schema()),
        *_of_fields(K8sUserCodeLauncher.config_type(), "user_code_launcher.config."),
    }
    location = {key for key in _of_fields(CONFIG_SCHEMA_FIELDS) if not key.startswith(AS_IT_IS)}
    return {
        "the agent's dagster.yaml": _table("dagster-cloud", agent),
        "a location, as the agent's package has it": _table("dagster-cloud", location),
        "container_context.k8s": _table(
            "dagster-k8s", _of_fields(DagsterK8sJobConfig.config_type_container_context())
        ),
        "dagster_cloud.yaml": _table("dagster-cloud-cli", _of_model(DagsterCloudYaml)),
    }


def _table(package: str, keys: Any) -> dict[str, Any]:
    return {"package": package, "version": version(package), "keys": sorted(keys)}


def _of_fields(fields: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys of a config schema of Dagster, and of those in it."""
    from dagster import Field  # noqa: PLC0415 - whoever reads the module need not have it

    for name, field in fields.items():
        yield f"{prefix}{name}"
        kind = (field if isinstance(field, Field) else Field(field)).config_type
        while hasattr(kind, "inner_type"):
            kind = kind.inner_type
        yield from _of_fields(getattr(kind, "fields", {}), f"{prefix}{name}.")


def _of_model(model: Any, prefix: str = "") -> Iterator[str]:
    """The keys of a pydantic model, and of those in it."""
    for name, info in model.model_fields.items():
        yield f"{prefix}{name}"
        for kind in (info.annotation, *get_args(info.annotation)):
            if hasattr(kind, "model_fields"):
                yield from _of_model(kind, f"{prefix}{name}.")


if __name__ == "__main__":
    main()
