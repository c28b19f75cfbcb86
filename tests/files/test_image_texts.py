"""Images, repositories and tags in files and in the objects they are made of: refused wherever they stand."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import (
    AgentImage,
    AgentValues,
    CodeLocation,
    DagsterCloudConfig,
    K8sConfigError,
    LocationDefaults,
)
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.files.checks.values.check import check_values_file
from dagster_plus_k8s_helpers.files.locations.locations import Build

DIGEST = "sha256:" + "0" * 64
NO_IMAGES = [
    ("ghcr.io/Acme/Etl:1", "; write it in lower case"),
    ("ghcr.io/Acme/etl:${TAG}", "; write it in lower case"),
    ("a b:1", "; write it without a space"),
    ("a/b:1 ", "; drop the space at the end"),
    ("ghcr.io/acme/etl:1:2", "; keep one of the two tags"),
    ("@sha256:abc", "; write a digest of 64 hexadecimal digits"),
    ("http://a/b:1", "; write 'a/b:1', without http://"),
    ("<acr>.azurecr.io/<image>", "; write what is meant in the place of <...>"),
    ("<IMAGE>", "; write what is meant in the place of <...>"),
    ("a:", "; write a tag after the ':', or drop the ':'"),
    ("/etl", "; write it without an empty part before or between '/'"),
]
IMAGES = [
    "etl",
    "ghcr.io/acme/etl:1.2",
    "localhost:5000/acme/etl",
    f"123.dkr.ecr.eu-west-1.amazonaws.com/etl@{DIGEST}",
    f"etl:1@{DIGEST}",
    # What fills these in, nobody here knows.
    "${REGISTRY}/etl:$TAG",
    "{{ image }}",
    "$(Registry)/etl:#{Build}#",
    "etl:${{ github.sha }}",
    "etl@${DIGEST}",
    "localhost:${PORT}/etl:${A}-${B}.${C}-${D}",
    "__IMAGE__",
    "%IMAGE%",
]


@pytest.mark.parametrize(("image", "advice"), NO_IMAGES)
def test_what_is_no_image_is_none_anywhere(image: str, advice: str) -> None:
    reason = f"{image!r} is not an image reference such as 'registry.example.com/team/project:1.2'{advice}"

    for make in (CodeLocation, LocationDefaults):
        with pytest.raises(K8sConfigError) as refused:
            make(**({"location_name": "a"} if make is CodeLocation else {}), image=image)
        assert str(refused.value) == f"image: {reason}"
    text = f"{{defaults: {{image: '{image}'}}, locations: [{{location_name: a, image: '{image}'}}]}}"
    findings = check_sources([Source("dagster_cloud.yaml", text.encode())])
    assert [finding.code for finding in findings] == ["DPK301", "DPK301"]


@pytest.mark.parametrize("image", IMAGES)
def test_what_may_be_an_image_is_taken(image: str) -> None:
    config = DagsterCloudConfig(locations=[CodeLocation(location_name="a", image=image)])

    assert DagsterCloudConfig.from_yaml(config.to_yaml()) == config


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        (
            "ghcr.io/acme/etl:1",
            "'ghcr.io/acme/etl:1' has a tag, where another is added; write 'ghcr.io/acme/etl'",
        ),
        (
            f"etl:1@{DIGEST}",
            f"'etl:1@{DIGEST}' has a tag, where another is added; write 'etl'",
        ),
        (
            "https://ghcr.io/acme/etl",
            "'https://ghcr.io/acme/etl' is not a repository of images such as 'registry.example.com/team/project'; "
            "write 'ghcr.io/acme/etl', without https://",
        ),
        (
            "ghcr.io/Acme/etl",
            "'ghcr.io/Acme/etl' is not a repository of images such as 'registry.example.com/team/project'; write it in "
            "lower case",
        ),
    ],
)
def test_a_repository_gets_its_tag_from_elsewhere(registry: str, reason: str) -> None:
    for where, make in (
        ("registry", lambda: Build(registry=registry)),
        ("repository", lambda: AgentImage(repository=registry)),
    ):
        with pytest.raises(K8sConfigError) as refused:
            make()
        assert str(refused.value).startswith(f"{where}: {reason[:80]}")
    (finding,) = check_sources([Source("build.yaml", f"registry: {registry}".encode())])
    assert finding.code == "DPK301"


@pytest.mark.parametrize("tag", ["a b", "-1", ".1", "1/2", "a" * 129])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(K8sConfigError, match=r"^tag: .* is no tag: use at most 128"):
        AgentImage(tag=tag)
    (finding,) = check_values_file(f"dagsterCloudAgent: {{image: {{tag: '{tag}'}}}}", "values.yaml")[1]
    assert finding.code == "DPK201"


@pytest.mark.parametrize("tag", ["1.13.27", "12", "latest", f"1.13.27@{DIGEST}", "${VERSION}", ""])
def test_what_may_be_a_tag_is_taken(tag: str) -> None:
    text = f"dagsterCloudAgent: {{image: {{repository: localhost:5000/agent, tag: '{tag}'}}}}\n"

    assert check_values_file(text, "values.yaml")[1] == []
    assert AgentValues.from_yaml(text).dagster_cloud_agent.image.tag == tag
