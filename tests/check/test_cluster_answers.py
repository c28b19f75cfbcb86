"""Asking a cluster over a bad network: whatever is no answer says so in time, and is no missing object."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from api_server import Fault
from broken_answers import BROKEN, answer, html, sends
from kubernetes.config import new_client_from_config

from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan import ClusterObjects

if TYPE_CHECKING:
    from api_server import ApiServer


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_is_no_answer_is_told(
    name: str, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.cluster.objects._SECONDS", 1.0)
    monkeypatch.setattr("dagster_plus_k8s_helpers.cluster.timed_http._MOST_BYTES", 2**20)
    written, reason = BROKEN[name]
    api_server.faults.append(Fault("GET", "secrets", writes=written))
    objects = ClusterObjects(new_client_from_config(str(api_server.kubeconfig)))

    with pytest.raises(
        PlanError, match=re.escape(f"cluster: cannot ask for the Secret 'warehouse': {reason}")
    ):
        objects.has("Secret", "default", "warehouse")

    assert not objects.refused


FAILED = json.dumps({"kind": "Status", "status": "Failure", "reason": "InternalError", "code": 500})
NO_ANSWERS = {
    "the page of a login": (html("200 OK"), "the answer is"),
    "a Status of failure": (
        sends(answer(FAILED.encode(), "200 OK", "Content-Type: application/json")),
        "500 InternalError",
    ),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_good_status_alone_approves_no_dry_run_and_is_no_log(name: str, api_server: ApiServer) -> None:
    written, reason = NO_ANSWERS[name]
    api_server.faults.append(Fault("POST", "jobs", writes=written))
    client = new_client_from_config(str(api_server.kubeconfig))
    cluster = Cluster(client, 30.0)

    with pytest.raises(PlanError, match=reason):
        ClusterObjects(client, dry_run=True).refusal("jobs", "default", {"metadata": {}})

    api_server.faults.append(Fault("GET", "pods", writes=written))
    with pytest.raises(CallError, match=reason):
        cluster.log_tail("default", "step", "dagster", 10)
