"""The error tree: one base, and messages that say where."""

from __future__ import annotations

import pickle

import pytest

from dagster_plus_k8s_helpers import errors


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n != "DagsterPlusK8sError"])
def test_every_error_is_a_dagster_plus_k8s_error_and_drawn_in_the_tree(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.DagsterPlusK8sError)
    assert f"── {name} " in (errors.__doc__ or "")


def test_an_error_seen_from_further_out_names_the_whole_path() -> None:
    inner = errors.UnknownFieldError("sizeLimits", ["size_limit"], of="EmptyDirVolumeSource")

    outer = inner.within("empty_dir").within("volumes[0]").within("pod_spec_config")

    assert isinstance(outer, errors.UnknownFieldError)
    assert str(outer) == (
        "pod_spec_config.volumes[0].empty_dir: EmptyDirVolumeSource has no field 'sizeLimits'; "
        "did you mean 'size_limit'?"
    )


def test_a_list_index_is_joined_without_a_dot() -> None:
    assert str(errors.K8sConfigError("bad", where="[2].name").within("env")) == "env[2].name: bad"


def test_nothing_is_suggested_when_nothing_is_near() -> None:
    assert errors.did_you_mean("banana", ["cpu", "memory"]) == ""


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownFieldError("imag", ["image"], of="Container", where="container_config"),
        errors.QuantityError("too fine", where="cpu"),
        errors.DeploymentError("none given"),
    ],
)
def test_errors_cross_a_process_boundary_whole(error: errors.DagsterPlusK8sError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
