"""The executor in real runs: steps as processes, the API server as a stand-in, causes as recorded."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from plays import Play
from recordings import FOLDER as RECORDINGS
from step_runs import eventually, kinds, memory

from dagster_plus_k8s_helpers import MemoryLadder

if TYPE_CHECKING:
    from step_runs import StepRun

OURS: dict[str, Any] = {}


def refused(step: str, recorded: str) -> Fault:
    """The API server takes every Job but those of one step."""
    body = json.loads((RECORDINGS / f"rejected-{recorded}.json").read_text())
    return Fault(
        "POST",
        "jobs",
        body["code"],
        body=body,
        matches=lambda job: job["metadata"]["labels"]["dagster/op"] == step,
    )


# The five faults of the stock executor.


@pytest.mark.parametrize("executor", ["stock", {"memory_ladder": {}}], ids=["stock", "ours"])
def test_fault_1_an_oom_is_named_and_gets_more_memory(run: StepRun, executor: Any) -> None:
    for attempt in range(2):
        run.server.play("train", Play("oom-killed", killed_at=run.began("train", attempt)), attempt=attempt)

    run.start({"train": {"does": "hold", "memory": "300Mi", "max_retries": 2}}, executor)
    eventually(lambda: run.began("train", 2).exists(), "third attempt")
    run.go("train")
    assert run.finish()

    assert kinds(run, "train") == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    if executor == "stock":
        assert memory(run, "train") == ["300Mi"] * 3
        assert run.said("OOM") == []
    else:
        assert memory(run, "train") == ["300Mi", "600Mi", "1200Mi"]
        assert run.said("OOMKilled") == [
            "Step \"train\" failed: OOMKilled: The container 'dagster' was killed: over its memory limit of 300Mi. It gets 600Mi next (retry 1 of 2 of its RetryPolicy).",
            "Step \"train\" failed: OOMKilled: The container 'dagster' was killed: over its memory limit of 600Mi. It gets 1200Mi next (retry 2 of 2 of its RetryPolicy).",
        ]
        (last,) = [
            event for event in run.events("ENGINE_EVENT", "train") if "succeeded" in str(event.message)
        ]
        assert last.message == 'Step "train" succeeded with 1200Mi of memory.'
        assert run.metadata(last)["memory_tried"] == "300Mi, 600Mi, 1200Mi"


@pytest.mark.parametrize("executor", ["stock", OURS], ids=["stock", "ours"])
def test_fault_2_a_pod_that_waits_says_why(run: StepRun, executor: Any) -> None:
    run.server.play("train", Play("unschedulable-gpu", runs=False))
    run.start({"train": {"does": "hold"}}, executor)

    def waits_for_long() -> bool:
        looked = run.server.count("GET jobs") if executor == "stock" else run.server.count("LIST jobs")
        return looked >= 5

    eventually(waits_for_long, "five looks")
    waiting = run.said(" waits: ")
    run.server.of_step("train")[0].release(Play())
    if executor != "stock":
        eventually(lambda: run.said("has started after all"), "its start is told")
    run.go("train")
    assert run.finish()

    if executor == "stock":
        assert waiting == []
    else:
        assert waiting == [
            'Step "train" waits: Unschedulable: No node can take the pod: 1 node without enough nvidia.com/gpu left. Wait for a node with nvidia.com/gpu, or add one; its pool may ask for a toleration too.'
        ]
        assert len(run.said('Step "train" has started after all, ')) == 1
        assert kinds(run, "train") == ["STEP_SUCCESS"]


@pytest.mark.parametrize("executor", ["stock", OURS], ids=["stock", "ours"])
def test_fault_3_one_refused_job_of_several_fails_alone(run: StepRun, executor: Any) -> None:
    run.server.faults.append(refused("c", "requests-over-limits"))

    run.start(
        {"a": {"does": "hold"}, "b": {"after": ["a"]}, "c": {"max_retries": 2}, "d": {"after": ["c"]}},
        executor,
    )
    if executor == "stock":
        assert not run.finish()
        assert run.events("STEP_SUCCESS") == []
        assert run.said("Unexpected exception while steps were still in-progress - terminating running steps")
        return
    eventually(lambda: kinds(run, "c"), "c fails")
    run.go("a")
    assert not run.finish()

    assert [kinds(run, step) for step in "abcd"] == [["STEP_SUCCESS"], ["STEP_SUCCESS"], ["STEP_FAILURE"], []]
    (failure,) = run.events("STEP_FAILURE")
    assert failure.message == (
        'Step "c" failed: JobRefused: The API server refused the Job (HTTP 422 Invalid): '
        'spec.template.spec.containers[0].resources.requests: Invalid value: "4Gi": must be less than or '
        "equal to memory limit of 2Gi. Another attempt would end the same way. "
        "Correct the step's Kubernetes config."
    )
    assert run.metadata(failure)["field"] == "spec.template.spec.containers[0].resources.requests"


@pytest.mark.parametrize("executor", ["stock", OURS], ids=["stock", "ours"])
def test_fault_4_an_outage_of_the_api_loses_no_step(run: StepRun, executor: Any) -> None:
    run.start({"a": {"does": "hold"}, "b": {"does": "hold"}, "c": {"after": ["b"]}}, executor)
    eventually(lambda: run.began("a").exists() and run.began("b").exists(), "a and b begin")

    run.server.stop()
    run.go("b")
    if executor == "stock":
        # It gives up a launch after three waits; in the cluster they are 10 s each.
        assert not run.finish()
        assert run.said("Unexpected exception while steps were still in-progress - terminating running steps")
        return
    eventually(lambda: run.said("cannot be reached"), "the outage is told")
    eventually(lambda: run.events("STEP_WORKER_STARTING", "c"), "c wants to start")
    run.server.start()
    eventually(lambda: run.events("STEP_SUCCESS", "c"), "c succeeds")
    run.go("a")
    assert run.finish(), run.messages()

    assert [kinds(run, step) for step in "abc"] == [["STEP_SUCCESS"]] * 3
    told = [message for message in run.messages("ENGINE_EVENT") if "Kubernetes API" in message]
    assert told[0] == (
        "The Kubernetes API cannot be reached: [Errno 111] Connection refused. Steps that run go on; launches "
        "are tried again for up to 600 s."
    )
    assert len(told) == 2
    assert told[1].startswith("The Kubernetes API answers again, after ")


@pytest.mark.parametrize("executor", ["stock", OURS], ids=["stock", "ours"])
def test_fault_5_a_look_costs_two_calls_whatever_the_number_of_steps(run: StepRun, executor: Any) -> None:
    steps = [f"s{number}" for number in range(12)]
    for step in steps:
        run.server.play(step, Play("running", runs=False))
    run.start({step: {} for step in steps}, executor)
    eventually(lambda: len(run.server.played) == len(steps), "all launched")
    asked = "GET jobs" if executor == "stock" else "LIST jobs"
    eventually(lambda: run.server.count(asked), "the first look")
    before = run.server.calls.copy()
    eventually(
        lambda: run.server.count(asked) >= before[asked] + (36 if executor == "stock" else 3), "three more"
    )
    calls = run.server.calls - before
    for step in steps:
        run.server.of_step(step)[0].release(Play("exit-3", runs=False))
    run.finish()

    if executor == "stock":
        assert calls["GET jobs"] >= 36
    else:
        # However many looks there were meanwhile: two calls each, and one look may be half done.
        assert set(calls) == {"LIST jobs", "LIST pods"}
        assert abs(calls["LIST jobs"] - calls["LIST pods"]) <= 1


# What else may happen.


def test_the_jobs_are_those_of_the_stock_executor(run: StepRun) -> None:
    steps = {"train": {"memory": "1Gi", "tags": {"dagster/priority": "3"}}}
    sent = []
    for executor in ("stock", {"owner_references": False}):
        assert run.start(steps, executor).finish()
        body = run.server.of_step("train")[-1].body
        template = body["spec"]["template"]
        for metadata in (body["metadata"], template["metadata"]):
            del metadata["name"], metadata["labels"]["dagster/run-id"]
        # The environment holds the run's id, and the tests' own description of the executor.
        (container,) = template["spec"]["containers"]
        container["env"] = sorted(
            {entry["name"] for entry in container["env"]} - {"TEST_STEPS", "TEST_EXECUTOR", "TEST_FOLDER"}
        )
        sent.append(body)

    assert sent[0] == sent[1]


def test_steps_with_the_older_tag_of_resources_get_each_their_own(run: StepRun) -> None:
    def requests(cpu: str) -> dict[str, Any]:
        return {"tags": {"dagster-k8s/resource_requirements": {"requests": {"cpu": cpu}}}}

    assert run.start({"a": requests("1"), "b": requests("2"), "c": {}}, OURS).finish(), run.messages()

    containers = [
        run.server.of_step(key)[0].body["spec"]["template"]["spec"]["containers"][0] for key in "abc"
    ]
    assert [item.get("resources", {}).get("requests") for item in containers] == [
        {"cpu": "1"},
        {"cpu": "2"},
        None,
    ]


def test_a_sidecar_that_crashes_again_and_again_is_told_while_the_step_runs(run: StepRun) -> None:
    run.server.play("train", Play("sidecar-crash-loop", runs=False))
    run.start({"train": {}}, {"start_timeout": 0.2})
    eventually(lambda: run.said("is in trouble"), "the crash loop is told")
    run.server.of_step("train")[0].release(Play())
    assert run.finish()

    assert run.said("is in trouble") == [
        "Step \"train\" is in trouble: CrashLoopBackOff: The container 'proxy' crashes again and again; last with exit "
        "code 1. Read its log: kubectl logs --previous, container 'proxy'."
    ]
    assert kinds(run, "train") == ["STEP_SUCCESS"]


def test_a_wait_is_told_again_when_its_cause_changes_and_when_it_is_over(run: StepRun) -> None:
    run.server.play("train", Play("unschedulable-gpu", runs=False))
    run.start({"train": {}}, OURS)
    for recorded in ("image-pull", "unschedulable-gpu", "running"):
        told = len(run.said("waits: "))
        eventually(lambda told=told: len(run.said("waits: ")) > told or len(run.said("waits: ")) == 3)
        run.server.of_step("train")[0].release(Play(recorded, runs=False))
    eventually(lambda: run.said("has started after all"), "the start is told")
    run.server.of_step("train")[0].release(Play())
    assert run.finish()

    assert [message.split(": ")[1] for message in run.said("waits: ")] == [
        "Unschedulable",
        "ImagePullBackOff",
        "Unschedulable",
    ]
    assert kinds(run, "train") == ["STEP_SUCCESS"]


def test_an_oom_without_a_retry_policy_climbs_the_ladder_and_fails_at_the_cap(run: StepRun) -> None:
    for attempt in range(3):
        run.server.play("train", Play("oom-killed", runs=False), attempt=attempt)

    assert not run.start({"train": {"memory": "300Mi"}}, {"memory_ladder": {"maximum": "700Mi"}}).finish()

    assert memory(run, "train") == ["300Mi", "600Mi", "700Mi"]
    (failure,) = run.events("STEP_FAILURE", "train")
    assert failure.message == (
        "Step \"train\" failed: OOMKilled: The container 'dagster' was killed: over its memory limit of "
        "700Mi. Tried with 300Mi, 600Mi and 700Mi; the cap is 700Mi, so it fails. Give the step more memory, "
        "or let memory_ladder=MemoryLadder() of k8s_executor do it."
    )
    shown = run.metadata(failure)
    assert {
        key: shown[key] for key in ("kind", "container", "exit_code", "node", "limit", "memory_tried")
    } == {
        "kind": "OOMKilled",
        "container": "dagster",
        "exit_code": 137,
        "node": "node1",
        "limit": "700Mi",
        "memory_tried": "300Mi, 600Mi, 700Mi",
    }
    assert shown["kubectl"] == f"kubectl describe pod/{shown['pod']} --namespace default"


def test_what_a_run_learned_the_next_one_starts_with(run: StepRun) -> None:
    steps = {"train": {"memory": "300Mi", "tags": MemoryLadder(learn=True).tags}}
    run.server.play("train", Play("oom-killed", runs=False))

    assert run.start(steps, OURS).finish()
    first = run.run_id
    assert run.start(steps, OURS).finish()

    assert memory(run, "train") == ["300Mi", "600Mi", "600Mi"]
    assert f'Step "train" starts with 600Mi of memory, which it needed in run {first}.' in run.messages()


def test_a_disruption_does_not_count_against_the_retry_policy(run: StepRun) -> None:
    run.server.play("train", Play("evicted-api", killed_at=run.began("train", 0)))
    run.server.play("train", Play("tainted-node", runs=False), attempt=1)

    assert not run.start({"train": {"does": "hold-once-then-fail", "max_retries": 1}}, OURS).finish()

    assert kinds(run, "train") == ["STEP_UP_FOR_RETRY"] * 3 + ["STEP_FAILURE"]
    assert [message.rpartition(": it starts again ")[2] for message in run.said("not the step's fault")] == [
        "(disruption retry 1 of 2).",
        "(disruption retry 2 of 2).",
    ]


def test_a_pod_that_is_gone_before_it_began_is_a_disruption_and_a_full_volume_is_not(run: StepRun) -> None:
    run.server.play("gone", Play("deleted-pod", runs=False))
    run.server.play("full", Play("evicted-emptydir", runs=False))

    assert not run.start({"gone": {}, "full": {}}, OURS).finish()

    assert kinds(run, "gone") == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert run.messages("STEP_FAILURE", "full") == [
        'Step "full" failed: Evicted: The node evicted the pod: Usage of EmptyDir volume "s" exceeds the limit '
        '"50Mi". Raise the size_limit of the volume, or the step\'s ephemeral_storage.'
    ]


def test_a_process_that_dies_is_shown_with_the_end_of_its_log(run: StepRun) -> None:
    run.server.play("train", Play(log="one\nSegmentation fault\n"))

    assert not run.start({"train": {"does": "exit"}}, OURS).finish()

    (failure,) = run.events("STEP_FAILURE", "train")
    assert failure.message == "Step \"train\" failed: Error: The container 'dagster' ended with exit code 3."
    assert run.metadata(failure)["log"] == "one\nSegmentation fault"
    assert "The last lines of its log:\none\nSegmentation fault" in failure.step_failure_data.error.message


def test_a_failure_that_the_step_reports_itself_is_not_diagnosed_again(run: StepRun) -> None:
    # As a process does whose interpreter crashes on its way out: the Job fails, with its event in the log.
    run.start({"train": {"does": "fail-and-crash"}, "b": {"does": "hold"}}, OURS)
    eventually(lambda: kinds(run, "train"), "train fails")
    run.server.of_step("train")[0].process.wait()  # type: ignore[union-attr]
    before = run.server.count("LIST jobs")
    eventually(lambda: run.server.count("LIST jobs") > before + 4, "looks at a Job that failed")
    run.go("b")

    assert not run.finish()
    assert run.server.of_step("train")[0].process.poll() == 1  # type: ignore[union-attr]

    assert kinds(run, "train") == ["STEP_FAILURE"]
    assert "the step's own error" in str(run.events("STEP_FAILURE")[0].step_failure_data.error)


@pytest.mark.parametrize(
    ("recorded", "settings", "message"),
    [
        ("image-name", {}, "InvalidImageName: It can never start. The image name 'Bad Image::x' of the container 'dagster' is not valid: "),
        ("missing-sa", {}, 'FailedCreate: It can never start. The pod cannot be created: pods "missing-sa-" is forbidden: error looking up service account default/nope: serviceaccount "nope" not found. '),
        ("image-pull", {"image_pull_grace": 0.5}, "ImagePullBackOff: Its image could not be pulled for 0.5 s. The image 'example.local/missing:1' of the container 'dagster' cannot be pulled: "),
        ("unschedulable-gpu", {"autoscaler": False}, "Unschedulable: No node has any nvidia.com/gpu, and no autoscaler is said to exist. No node can take the pod: 1 node without enough nvidia.com/gpu left. "),
        ("missing-pvc", {"start_timeout": 0.5}, "Unschedulable: It has not started within its start_timeout of 0.5 s. No node can take the pod: the PersistentVolumeClaim 'nope' does not exist. "),
        ("missing-secret", {"start_timeout": 0.5}, "CreateContainerConfigError: It has not started within its start_timeout of 0.5 s. The container 'dagster' cannot be created: secret \"nope\" not found. "),
    ],
)  # fmt: skip
def test_patience_ends_with_the_cause_and_without_the_job(
    run: StepRun, recorded: str, settings: dict[str, Any], message: str
) -> None:
    run.server.play("train", Play(recorded, runs=False))
    run.server.nodes.append(
        {"status": {"allocatable": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "0"}}}
    )

    assert not run.start({"train": {}}, settings).finish()

    (failure,) = run.messages("STEP_FAILURE", "train")
    assert failure.startswith(f'Step "train" failed: {message}')
    assert run.server.deleted == run.server.created


def test_a_step_has_a_start_timeout_of_its_own(run: StepRun) -> None:
    run.server.play("train", Play("unschedulable-cpu", runs=False))
    tags = {"dagster-plus-k8s/start-timeout": "0.5"}

    assert not run.start({"train": {"tags": tags}}, {"start_timeout": None}).finish()

    assert len(run.said("start_timeout of 0.5 s")) == 1


def test_a_tag_that_makes_no_sense_fails_its_step_alone(run: StepRun) -> None:
    tags = {"dagster-plus-k8s/memory-ladder": "yes"}

    assert not run.start({"a": {"tags": tags}, "b": {}}, OURS).finish()

    assert [kinds(run, step) for step in "ab"] == [["STEP_FAILURE"], ["STEP_SUCCESS"]]
    assert run.messages("STEP_FAILURE") == [
        'Step "a" failed: JobRefused: The Job of the step could not be built: tag dagster-plus-k8s/memory-ladder: '
        "'yes' must be 'on', 'off' or MemoryLadder(...).tags. Another attempt would end the same way. Correct the step's Kubernetes config."
    ]


def test_a_conflict_with_a_job_of_its_own_is_a_launch(run: StepRun) -> None:
    created = run.server.create
    # The Job is created, and the answer is lost.
    run.server.create = lambda *given: (  # type: ignore[method-assign]
        (created(*given), (500, {"message": "lost"}))[1] if not run.server.played else created(*given)
    )

    run.start({"a": {"does": "hold"}}, OURS)
    eventually(lambda: run.server.count("POST jobs") == 2, "it is created again")
    run.go("a")

    assert run.finish(), run.messages()
    assert kinds(run, "a") == ["STEP_SUCCESS"]


def test_a_storm_of_429s_delays_and_fails_nothing(run: StepRun) -> None:
    run.server.faults.append(Fault("POST", "jobs", 429, times=5))
    run.server.faults.append(Fault("GET", "jobs", 429, times=5))

    assert run.start({"a": {}, "b": {}}, OURS).finish()

    assert run.said("cannot be reached") == []
    assert [kinds(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2


def test_a_launch_fails_its_step_when_the_api_is_away_for_too_long(run: StepRun) -> None:
    run.server.faults.append(Fault("POST", "jobs", 503))

    assert not run.start({"a": {}}, {"api_outage_tolerance": 1}).finish()

    assert run.messages("STEP_FAILURE") == [
        'Step "a" failed: ApiUnreachable: The Job could not be created for 1 s: HTTP 503 injected 503. '
        "Raise api_outage_tolerance if the API server can be away for longer."
    ]


def test_a_cache_that_lags_makes_no_job_look_gone(run: StepRun) -> None:
    run.server.freeze_cache()
    run.start({"a": {"does": "hold"}}, OURS)
    eventually(lambda: run.began("a").exists(), "a begins")
    before = run.server.count("LIST jobs")
    eventually(lambda: run.server.count("LIST jobs") > before + 4, "looks")
    run.go("a")

    assert run.finish(), run.messages()
    assert kinds(run, "a") == ["STEP_SUCCESS"]


def test_labels_of_the_users_hide_no_job(run: StepRun) -> None:
    labels = {"dagster/run-id": "mine", "app.kubernetes.io/component": "mine"}
    config = {"job_metadata": {"labels": labels}, "pod_template_spec_metadata": {"labels": labels}}
    run.start({"a": {"does": "hold", "tags": {"dagster-k8s/config": config}}}, OURS)
    eventually(lambda: run.began("a").exists(), "a begins")
    before = run.server.count("LIST pods")
    eventually(lambda: run.server.count("LIST pods") > before + 4, "looks")
    run.go("a")

    assert run.finish(), run.messages()


def test_without_the_permission_for_pods_steps_are_judged_by_their_jobs(run: StepRun) -> None:
    forbidden = {"message": "pods is forbidden"}
    run.server.faults.append(Fault("GET", "pods", 403, body=forbidden))
    run.start({"a": {"does": "hold"}, "b": {"does": "exit"}}, {"start_timeout": 0.2})
    eventually(lambda: run.began("a").exists() and kinds(run, "b"), "a begins, b fails")
    before = run.server.count("LIST jobs")
    eventually(lambda: run.server.count("LIST jobs") > before + 4, "looks")
    run.go("a")

    assert not run.finish()
    assert kinds(run, "a") == ["STEP_SUCCESS"]
    assert run.messages("STEP_FAILURE", "b") == [
        'Step "b" failed: JobFailed: The Job failed; its pod may not be read.'
    ]
    assert run.said("may not list pods") == [
        "The run's service account may not list pods, so only what their Jobs say is known of steps: "
        "HTTP 403 pods is forbidden"
    ]


def test_a_ttl_that_passes_early_loses_no_success(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}, "b": {"does": "hold"}}, OURS)
    eventually(lambda: run.began("a").exists() and run.began("b").exists(), "both begin")
    run.go("a")
    (job,) = run.server.of_step("a")
    job.process.wait()  # type: ignore[union-attr]
    run.server.delete(job.name)
    before = run.server.count("LIST jobs")
    eventually(lambda: run.server.count("LIST jobs") > before + 4, "looks")
    run.go("b")

    assert run.finish(), run.messages()
    assert kinds(run, "a") == ["STEP_SUCCESS"]


def test_a_job_that_somebody_deletes_fails_its_step(run: StepRun) -> None:
    run.server.play("a", Play("running", runs=False))
    run.start({"a": {}}, OURS)
    eventually(lambda: run.server.count("LIST pods") > 2, "looks")
    run.server.delete(run.server.created[0])

    assert not run.finish()
    assert run.messages("STEP_FAILURE") == [
        'Step "a" failed: JobDeleted: The Job is gone, and the step has reported neither success nor failure. '
        "Somebody, or a controller, deleted it."
    ]


def test_launches_go_by_priority(run: StepRun) -> None:
    run.server.faults.append(Fault("POST", "jobs", 429, times=8))
    steps = {f"s{number}": {"tags": {"dagster/priority": str(number)}} for number in range(12)}
    for step in steps:
        run.server.play(step, Play("exit-3", runs=False))
    run.start(steps, {"launch_qps": 20, "launch_burst": 1})
    run.finish()

    order = [run.server.played[name].labels["dagster/op"] for name in run.server.created]
    # Those whose first call was refused were on their way already.
    assert order.index("s11") < order.index("s0")


def test_owner_references_are_left_out_where_pods_may_not_be_read(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTNAME", "the-run-pod")
    assert run.start({"a": {}}, OURS).finish()
    (job,) = run.server.of_step("a")
    assert job.body["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "the-run-pod", "uid": "uid-of-the-run-pod"}
    ]

    forbidden = {
        "kind": "Status",
        "reason": "Forbidden",
        "message": 'pods "the-run-pod" is forbidden',
        "code": 403,
    }
    run.server.faults.append(Fault("GET", "pods", 403, body=forbidden, times=10))
    assert run.start({"b": {}, "c": {}}, {"health_check_interval": 60}).finish()
    assert "ownerReferences" not in run.server.of_step("b")[0].body["metadata"]
    assert run.said("owner reference") == [
        "Step Jobs get no owner reference, so they will not go with the run's pod, which could not be read: HTTP "
        '403 pods "the-run-pod" is forbidden. Grant its service account get on pods, or write '
        "k8s_executor(owner_references=False)."
    ]


def test_cancelling_deletes_the_jobs_and_names_those_it_could_not(run: StepRun) -> None:
    run.describe({"a": {"does": "hold"}, "b": {"does": "hold"}}, OURS)
    run.start_worker()
    eventually(lambda: run.began("a").exists() and run.began("b").exists(), "both begin")
    denied = {"kind": "Status", "reason": "Forbidden", "message": "not yours", "code": 403}
    run.server.faults.append(Fault("DELETE", "jobs", 403, times=1, body=denied))

    run.worker.send_signal(signal.SIGTERM)
    assert not run.finish()

    assert [body["propagationPolicy"] for body in run.server.deletions] == ["Foreground"] * 2
    assert len(run.server.deleted) == 1
    (kept,) = set(run.server.created) - set(run.server.deleted)
    assert run.said("Could not delete") == [
        f"Could not delete Kubernetes job {kept}: HTTP 403 not yours. It may go on running; delete it with "
        f"kubectl delete job/{kept} --namespace default"
    ]


def test_a_run_worker_that_is_killed_and_resumed_loses_and_doubles_nothing(run: StepRun) -> None:
    run.server.play("b", Play("oom-killed", runs=False))
    run.server.play("b", Play("running", runs=False), attempt=1)
    run.describe(
        {"a": {"does": "hold"}, "b": {"memory": "300Mi"}, "c": {"after": ["a"]}},
        {"memory_ladder": {"retries": 2}},
    )
    run.start_worker()
    eventually(lambda: run.began("a").exists() and len(run.server.of_step("b")) == 2, "a holds, b is retried")
    run.worker.kill()
    run.worker.wait()
    run.go("a")
    (of_a,) = run.server.of_step("a")
    of_a.process.wait()  # type: ignore[union-attr]
    run.server.play("b", Play("running", runs=False), attempt=2)
    run.server.of_step("b")[1].release(Play("oom-killed", runs=False))

    run.start_worker(resume=True)
    eventually(lambda: len(run.server.of_step("b")) == 3, "b's third attempt")
    run.server.of_step("b")[2].release(Play())
    assert run.finish(), run.messages()

    assert [kinds(run, step) for step in "abc"] == [
        ["STEP_SUCCESS"],
        ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"],
        ["STEP_SUCCESS"],
    ]
    assert memory(run, "b") == ["300Mi", "600Mi", "1200Mi"]
    assert len(run.server.of_step("a")) == 1
