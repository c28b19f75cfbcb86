"""The table of Kubernetes' fields, beside the kubernetes package it was made from."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.objects.merge_keys import MERGE_KEYS
from dagster_plus_k8s_helpers.pod.objects.schema import _table, field_types, no_check, read, to_camel_case

GENERATOR = Path(__file__).parents[2] / "scripts" / "generate_kubernetes_fields.py"


def test_the_table_is_what_the_installed_kubernetes_package_says() -> None:
    spec = importlib.util.spec_from_file_location("generator", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)

    assert _table() == generator.read_models(), f"run {GENERATOR.name}"


def test_every_merge_key_belongs_to_a_list_that_exists() -> None:
    lists = {name for model in _table() for name, field in field_types(model).items() if field.kind == "list"}

    assert set(MERGE_KEYS) <= lists


def test_spelling_goes_both_ways() -> None:
    camel = {"livenessProbe": {"httpGet": {"port": "http", "httpHeaders": [{"name": "a", "value": "b"}]}}}

    snake = read("V1Container", camel, no_check)

    assert snake == {
        "liveness_probe": {"http_get": {"port": "http", "http_headers": [{"name": "a", "value": "b"}]}}
    }
    assert to_camel_case("V1Container", snake) == camel


@pytest.mark.parametrize("value", [5, "http"])
def test_a_field_of_any_type_takes_any_value(value: object) -> None:
    assert read("V1TCPSocketAction", {"port": value}, no_check) == {"port": value}


def test_a_time_is_text() -> None:
    with pytest.raises(K8sConfigError, match="creation_timestamp: must be an RFC 3339 time, not int"):
        read("V1ObjectMeta", {"creationTimestamp": 5}, no_check)
