"""The public types, held by the type checker: `make lint` fails when one of them changes."""

from __future__ import annotations

from typing import assert_type

from dagster_plus_k8s_helpers import K8sConfigError

error = K8sConfigError("too small", where="memory")
assert_type(error.where, str)
assert_type(error.within("resources"), K8sConfigError)
