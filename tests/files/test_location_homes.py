"""Keys of code locations under another name, at another level or in another file: each found once, with its home."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest
from dagster_cloud_cli.config import models
from pydantic import create_model

from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.files.locations import cloud_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "a code source by other names": (
        "dagster_cloud.yaml",
        """\
        locations:
          - location_name: a
            code_source: {module: a}
          - location_name: b
            code_source: {package: a}
        """,
        [
            "dagster_cloud.yaml:3:19 locations[0].code_source.module: error DPK101: there is no key 'module' here; did you mean 'module_name'?; write 'module_name'",
            "dagster_cloud.yaml:5:19 locations[1].code_source.package: error DPK101: there is no key 'package' here; did you mean 'package_name'?; write 'package_name'",
        ],
    ),
    "a build and a location by other names": (
        "dagster_cloud.yaml",
        """\
        locations:
          - name: a
            working_dir: /app
            build: {dir: .}
            queue: eu
        """,
        [
            "dagster_cloud.yaml:2:5 locations[0].name: error DPK101: there is no key 'name' here; did you mean 'location_name'?; write 'location_name'",
            "dagster_cloud.yaml:3:5 locations[0].working_dir: error DPK101: there is no key 'working_dir' here; did you mean 'working_directory'?; write 'working_directory'",
            "dagster_cloud.yaml:4:13 locations[0].build.dir: error DPK101: there is no key 'dir' here; did you mean 'directory'?; write 'directory'",
            "dagster_cloud.yaml:5:5 locations[0].queue: error DPK101: there is no key 'queue' here; did you mean 'agent_queue'?; write 'agent_queue'",
        ],
    ),
    "a code source in the location itself": (
        "dagster_cloud.yaml",
        """\
        locations:
          - location_name: a
            module_name: a
          - location_name: b
            python_file: a.py
          - location_name: c
            module: a
        """,
        [
            "dagster_cloud.yaml:3:5 locations[0].module_name: error DPK303: the key 'module_name' is not read here; write it in code_source",
            "dagster_cloud.yaml:5:5 locations[1].python_file: error DPK303: the key 'python_file' is not read here; write it in code_source",
            "dagster_cloud.yaml:7:5 locations[2].module: error DPK303: the key 'module' is not read here; write it in code_source as module_name",
        ],
    ),
    "a code source in the defaults": (
        "dagster_cloud.yaml",
        """\
        defaults: {module_name: a}
        locations: []
        """,
        [
            "dagster_cloud.yaml:1:12 defaults.module_name: error DPK303: the key 'module_name' is not read here; write it in code_source of a location",
        ],
    ),
    "k8s in the location itself": (
        "dagster_cloud.yaml",
        """\
        locations:
          - location_name: a
            k8s: {namespace: data}
        """,
        [
            "dagster_cloud.yaml:3:5 locations[0].k8s: error DPK303: the key 'k8s' is not read here; write it in container_context",
        ],
    ),
    "no code source": (
        "dagster_cloud.yaml",
        "locations: [{location_name: a, code_source: {}}]",
        [
            "dagster_cloud.yaml:1:45 locations[0].code_source: error DPK301: code_source: must name one of package_name, module_name, python_file, autoload_defs_module_name, not none; write module_name and the module",
        ],
    ),
    "a container context in a container context": (
        "container_context.yaml",
        """\
        container_context:
          k8s:
            namespce: data
            env_vars: [A=1, A=2]
            labels: {a: 1}
        """,
        [
            "container_context.yaml:1:1 container_context: error DPK303: the file holds what 'container_context' has in dagster_cloud.yaml, and not the key itself; write at the top what stands below 'container_context'",
            "container_context.yaml:3:5 container_context.k8s.namespce: error DPK101: there is no key 'namespce' here; did you mean 'namespace'?; write 'namespace'",
            "container_context.yaml:4:21 container_context.k8s.env_vars[1]: error DPK306: 'A' is set twice for runs; line 4 sets it too; keep one of the two",
            "container_context.yaml:5:17 container_context.k8s.labels.a: error DPK301: a: must be text, not a number; write text",
        ],
    ),
    "other keys in a container context": (
        "container_context.yaml",
        """\
        image: a
        registry: b
        env_vars: [A=1]
        tolerations: []
        k8s: {agent_queue: eu, run_k8s_config: {}}
        """,
        [
            "container_context.yaml:1:1 image: error DPK303: the key 'image' is not read here; write it in [tool.dg.project] of pyproject.toml",
            "container_context.yaml:2:1 registry: error DPK303: the key 'registry' is not read here; write it in build.yaml",
            "container_context.yaml:3:1 env_vars: warning DPK340: these env_vars stand beside k8s and not in it; write the variables in env_vars of k8s, which both read",
            "container_context.yaml:4:1 tolerations: error DPK303: the key 'tolerations' is not read here; write it in k8s.run_k8s_config as pod_spec_config: {tolerations: ...}",
            "container_context.yaml:5:7 k8s.agent_queue: error DPK303: the key 'agent_queue' is not read here; write it in [tool.dg.project] of pyproject.toml",
        ],
    ),
    "a build in a build": (
        "build.yaml",
        """\
        build:
          registry: 1
          directori: .
        """,
        [
            "build.yaml:1:1 build: error DPK303: the file holds what 'build' has in dagster_cloud.yaml, and not the key itself; write at the top what stands below 'build'",
            "build.yaml:2:13 build.registry: error DPK301: registry: must be text, not a number; write text",
            "build.yaml:3:3 build.directori: error DPK101: there is no key 'directori' here; did you mean 'directory'?; write 'directory'",
        ],
    ),
    "other keys in a build": (
        "build.yaml",
        """\
        registry: a
        image: b
        agent_queue: c
        k8s: {}
        env_vars: []
        dir: .
        """,
        [
            "build.yaml:2:1 image: error DPK303: the key 'image' is not read here; write it in [tool.dg.project] of pyproject.toml",
            "build.yaml:3:1 agent_queue: error DPK303: the key 'agent_queue' is not read here; write it in [tool.dg.project] of pyproject.toml",
            "build.yaml:4:1 k8s: error DPK303: the key 'k8s' is not read here; write it in container_context.yaml",
            "build.yaml:5:1 env_vars: error DPK303: the key 'env_vars' is not read here; write it in k8s of container_context.yaml",
            "build.yaml:6:1 dir: error DPK101: there is no key 'dir' here; did you mean 'directory'?; write 'directory'",
        ],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_key_is_found_once_with_where_it_belongs(mistake: str) -> None:
    name, text, messages = MISTAKES[mistake]

    findings = check_sources([Source(name, textwrap.dedent(text).encode())])

    assert [str(finding) for finding in findings] == messages


@pytest.fixture
def newer_dagster_plus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Dagster+ whose locations and defaults have one more key."""
    for name in ("Location", "LocationDefaults"):
        newer = create_model(name, __base__=getattr(models, name), image_digest=(str | None, None))
        monkeypatch.setattr(models, name, newer)
    cloud_cli._fields.cache_clear()
    yield
    cloud_cli._fields.cache_clear()


@pytest.mark.usefixtures("newer_dagster_plus")
def test_a_key_that_the_installed_dagster_plus_knows_is_no_finding() -> None:
    text = "defaults: {image_digest: b}\nlocations: [{location_name: a, image_digest: b, image_diges: c}]\n"

    findings = check_sources([Source("dagster_cloud.yaml", text.encode())])

    assert [str(finding) for finding in findings] == [
        "dagster_cloud.yaml:2:49 locations[0].image_diges: error DPK101: there is no key 'image_diges' here; did you "
        "mean 'image_digest'?; write 'image_digest'"
    ]


def test_without_dagster_plus_a_key_that_nothing_knows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dagster_cloud_cli.config", None)
    cloud_cli._fields.cache_clear()

    (finding,) = check_sources([Source("dagster_cloud.yaml", b"locations: [{location_name: a, colour: b}]")])

    cloud_cli._fields.cache_clear()
    assert finding.message == "dagster-cloud-cli 1.13.27 does not know the key 'colour' here"
