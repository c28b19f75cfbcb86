"""Asking a cluster over a bad network: whatever is no answer says so in time, and is no missing object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from api_server import Fault
from broken_answers import BROKEN
from kubernetes.config import new_client_from_config

from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan import ClusterObjects

if TYPE_CHECKING:
    from api_server import ApiServer


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_no_answer_is_told(
    name: str, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.plan.cluster_objects._SECONDS", 1.0)
    monkeypatch.setattr("dagster_plus_k8s_helpers.executor.timed_http._MOST_BYTES", 2**20)
    written, reason = BROKEN[name]
    api_server.faults.append(Fault("GET", "secrets", writes=written))
    objects = ClusterObjects(new_client_from_config(str(api_server.kubeconfig)))

    with pytest.raises(
        PlanError, match=re.escape(f"cluster: cannot ask for the Secret 'warehouse': {reason}")
    ):
        objects.has("Secret", "default", "warehouse")

    assert not objects.refused
