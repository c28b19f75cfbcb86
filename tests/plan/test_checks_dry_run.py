"""A dry run: the API server judges each Job and its pod, by what a real one said, and makes neither."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from api_server import ApiServer, Fault
from checked import container
from dry_runs import DRY_RUNS, FINE, NOT_BY_HAND, OVER_LIMIT, PRIORITY, definitions, judged
from kubernetes.config import new_client_from_config
from recordings import FOLDER, recording

from dagster_plus_k8s_helpers import PlanError
from dagster_plus_k8s_helpers.plan import ClusterObjects, check

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings import Finding

POD = "dagster-plus-k8s-check-x7k2p"


def asked_of(server: ApiServer) -> ClusterObjects:
    return ClusterObjects(new_client_from_config(str(server.kubeconfig)), "code", dry_run=True)


def forbidden(said: str) -> dict[str, Any]:
    message = f'pods "{POD}" is forbidden: {said}'
    return {"kind": "Status", "reason": "Forbidden", "message": message, "code": 403}


def refuse(server: ApiServer, resource: str, status: int, body: dict[str, Any], **which: Any) -> None:
    is_dry = lambda query: query.get("dryRun") == ["All"]  # noqa: E731
    server.faults.append(Fault("POST", resource, status, body=body, asks=is_dry, **which))


def found(server: ApiServer, tags: dict[str, Any], **given: Any) -> list[Finding]:
    return check(definitions(tags), cluster=asked_of(server), **given)


def of_step(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(item.code, item.message) for item in findings]


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"rejected-{name}.json").read_text())
    return found


def test_what_is_taken_is_no_finding_and_nothing_is_made(api_server: ApiServer) -> None:
    assert found(api_server, FINE) == []

    assert [resource for resource, _ in api_server.dry_run] == ["jobs", "pods", "jobs", "pods"]
    assert api_server.created == []
    assert all("name" not in body["metadata"] for _, body in api_server.dry_run)


def test_what_only_the_launch_knows_is_sent_as_something_valid(api_server: ApiServer) -> None:
    found(api_server, FINE)

    _, pod = api_server.dry_run[-1]
    assert "<" not in json.dumps(pod)
    assert pod["spec"]["containers"][0]["image"] == "example.com/dagster-plus-k8s-check:1"
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "100m", "memory": "64Mi"}}


def test_pods_of_the_same_settings_are_judged_once(api_server: ApiServer) -> None:
    check(definitions(FINE, steps=20), cluster=asked_of(api_server))

    assert len(api_server.dry_run) == 4, "the run's pod and the step's, each with its Job"


def test_a_pod_that_admission_refuses_is_found_though_its_job_is_taken(api_server: ApiServer) -> None:
    refuse(api_server, "pods", 403, forbidden(NOT_BY_HAND), matches=lambda body: "priority" in body["spec"])

    assert of_step(found(api_server, PRIORITY)) == [
        ("DPK571", f"step 'a0': the cluster takes no such pod: it is forbidden: {NOT_BY_HAND}")
    ]


def test_a_field_that_the_cluster_refuses_is_told_with_its_layer(api_server: ApiServer) -> None:
    refuse(api_server, "jobs", 422, recorded("unqualified-resource"), times=1)

    said = of_step(found(api_server, FINE))

    assert [code for code, _ in said] == ["DPK571", "DPK571"]
    assert said[0][1] == (
        "the run's pod: the cluster takes no such Job: spec.template.spec.containers[0].resources.limits[gpu]: "
        'Invalid value: "gpu": must be a standard resource type or fully qualified'
    )


def test_a_body_that_the_cluster_cannot_read_is_found(api_server: ApiServer) -> None:
    refuse(api_server, "jobs", 400, recorded("bad-quantity"), times=1)

    ((code, message),) = of_step(found(api_server, FINE))

    assert code == "DPK571"
    assert "cannot be handled as a Job: quantities must match" in message


def test_what_another_rule_has_told_is_not_told_again(api_server: ApiServer) -> None:
    def is_over(body: dict[str, Any]) -> bool:
        return "requests" in body["spec"]["template"]["spec"]["containers"][0].get("resources", {})

    refuse(api_server, "jobs", 422, recorded("requests-over-limits"), matches=is_over)

    assert [code for code, _ in of_step(found(api_server, OVER_LIMIT))] == ["DPK502"]


@pytest.mark.parametrize(
    ("used", "code"),
    [
        ("limits.memory=0,requests.memory=0", "DPK571"),
        ("limits.memory=100Mi,requests.memory=100Mi", "DPK572"),
    ],
)
def test_a_quota_that_never_does_is_an_error_and_one_used_up_a_warning(
    api_server: ApiServer, used: str, code: str
) -> None:
    event = recording("over-quota")["events"][0]["message"]
    said = event.partition("is forbidden: ")[2].replace("limits.memory=0,requests.memory=0", used)
    if code == "DPK572":
        said = said.replace("64Mi", "128Mi")
    refuse(api_server, "pods", 403, forbidden(said), matches=lambda body: "dagster/op" in str(body))

    assert [
        item.code for item in found(api_server, container(resources={"limits": {"memory": "128Mi"}}))
    ] == [code]


def test_a_refusal_of_all_pods_is_one_finding(api_server: ApiServer) -> None:
    said = 'violates PodSecurity "restricted:latest": runAsNonRoot != true'
    refuse(api_server, "pods", 403, forbidden(said))

    (finding,) = check(definitions(FINE, steps=5), cluster=asked_of(api_server))

    assert finding.message.startswith("the run's pod and steps 'a0', 'a1', 'a2' + 2 more: the cluster takes")
    assert said in finding.message


@pytest.mark.parametrize(
    "said",
    [
        'User "ci" cannot create resource "pods" in API group "" in the namespace "code"',
        'admission webhook "policy.example.com" does not support dry run',
    ],
)
def test_a_cluster_that_does_not_judge_is_no_refusal(api_server: ApiServer, said: str) -> None:
    refuse(api_server, "pods", 403, forbidden(said))

    (finding,) = found(api_server, FINE)

    assert (finding.code, finding.where.path) == ("DPK534", "the cluster")
    assert finding.message.startswith(
        "whether the cluster takes the pods of the namespace 'code' is not known: "
    )


def test_a_registry_policy_says_nothing_of_an_image_that_is_not_known(api_server: ApiServer) -> None:
    refuse(api_server, "pods", 403, forbidden("image example.com/dagster-plus-k8s-check:1 is not allowed"))

    assert found(api_server, FINE) == []


def test_an_account_that_is_not_there_is_told_once(api_server: ApiServer) -> None:
    api_server.absent.add("there-is-none")
    said = 'error looking up service account code/there-is-none: serviceaccount "there-is-none" not found'
    refuse(
        api_server,
        "pods",
        403,
        forbidden(said),
        matches=lambda body: body["spec"].get("serviceAccountName") == "there-is-none",
    )

    assert judged("no account", asked_of(api_server)) == DRY_RUNS["no account"][1]


def test_a_cluster_that_fails_is_an_error(api_server: ApiServer) -> None:
    refuse(api_server, "jobs", 500, {"kind": "Status", "message": "etcd is away", "code": 500})

    with pytest.raises(
        PlanError, match=r"^cluster: cannot ask it for a dry run of the jobs: HTTP 500 etcd is away"
    ):
        found(api_server, FINE)


def test_a_credential_in_what_the_cluster_says_is_not_shown(api_server: ApiServer) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    refuse(api_server, "pods", 403, forbidden(f"env KEY is {key}"))

    assert key not in str(found(api_server, FINE))
