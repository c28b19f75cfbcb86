"""Sizes decided at launch, in real runs: by partition, by a function, by what steps used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import sized_jobs
from api_server import Fault
from cgroups import V2, Tree
from plays import Play
from read_logs import logs_that_are_read
from sizes import BIG, SMALL
from step_runs import eventually, kinds, memory

from dagster_plus_k8s_helpers import K8sConfig, Resources, sized_by, sized_by_partition, sized_by_usage
from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent, EngineEventData
from dagster_plus_k8s_helpers._dagster.step_facts import StepOutputHandle
from dagster_plus_k8s_helpers.executor.events.history import History
from dagster_plus_k8s_helpers.executor.events.size_events import SIZED_BY
from dagster_plus_k8s_helpers.plan.resolve import plan_of_job
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from step_runs import StepRun

US = {"dagster/partition": "us"}
MI = 2**20


def requests(run: StepRun, step: str) -> list[str]:
    """The memory request of each Job of a step."""
    jobs = [job.body["spec"]["template"]["spec"]["containers"][0] for job in run.server.of_step(step)]
    return [container.get("resources", {}).get("requests", {}).get("memory", "") for container in jobs]


def start_job(run: StepRun, make: Callable[[], dg.JobDefinition], **tags: str) -> StepRun:
    """Begin a run of another job than the one that steps are described by."""
    run.job = lambda: dg.reconstructable(make)  # type: ignore[method-assign]
    return run.start({}, {}, tags)


def test_the_partition_of_the_run_sizes_the_step(run: StepRun) -> None:
    sizes = sized_by_partition({"us": BIG}, otherwise=SMALL)
    steps = {"load": {"memory": "300Mi", "tags": sizes}, "other": {"memory": "300Mi"}}

    assert run.start(steps, {}, US).finish(), run.messages()

    assert (memory(run, "load"), requests(run, "load"), memory(run, "other")) == (["8Gi"], ["8Gi"], ["300Mi"])
    (event,) = [event for event in run.events("ENGINE_EVENT", "load") if "gets" in (event.message or "")]
    assert event.message == "Step \"load\" gets 8Gi of memory: partition 'us'."
    assert run.metadata(event) == {SIZED_BY: "sized_by_partition", "size_limit_memory": 8.0 * 2**30}


def test_a_request_of_the_size_stays_within_the_limit_of_another_layer(run: StepRun) -> None:
    sizes = sized_by_partition({"us": K8sConfig(resources=Resources(cpu=("4", None)))})
    limit = K8sConfig(resources=Resources(cpu=("1", "2"))).tags

    assert run.start({"load": {"tags": {**limit, **sizes}}}, {}, US).finish(), run.messages()

    (job,) = run.server.of_step("load")
    resources = job.body["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert (resources["limits"]["cpu"], resources["requests"]["cpu"]) == ("2", "2")


def test_the_executor_sizes_every_step_and_a_tag_says_otherwise(run: StepRun) -> None:
    steps = {
        "by_executor": {},
        "by_tag": {"tags": sized_by("sizes:PER_ATTEMPT")},
        "by_nothing": {"memory": "300Mi", "tags": {SIZE_TAG: "off"}},
    }

    assert run.start(steps, {"size": "sizes:by_partition"}, US).finish(), run.messages()

    assert [memory(run, step) for step in steps] == [["8Gi"], ["100Mi"], ["300Mi"]]
    assert run.said("gets") == [
        'Step "by_executor" gets 8Gi of memory: sizes:by_partition decided so.',
        'Step "by_tag" gets 100Mi of memory: attempt 1.',
    ]


def test_a_size_is_decided_once_for_each_attempt(run: StepRun) -> None:
    step = {"does": "fail", "max_retries": 2, "tags": sized_by("sizes:PER_ATTEMPT")}

    assert not run.start({"load": step}, {}).finish()

    assert memory(run, "load") == ["100Mi", "200Mi", "300Mi"]
    assert [message.rpartition(": ")[2] for message in run.said("gets")] == [
        "attempt 1.",
        "attempt 2.",
        "attempt 3.",
    ]


@pytest.mark.parametrize(
    ("tags", "failure"),
    [
        (sized_by("sizes:broken"), "size: sizes:broken raised KeyError: 'load' ("),
        (sized_by("sizes:cancelled"), "size: sizes:cancelled raised CancelledError"),
        (sized_by("sizes:interrupting"), "size: sizes:interrupting raised KeyboardInterrupt"),
        (sized_by("sizes:by_dictionary"), "size: sizes:by_dictionary returned dict; return a K8sConfig, a Sized(config, why), or None"),
        (sized_by("sizes:missing"), "size: the module 'sizes' has no 'missing' at its top"),
        ({SIZE_TAG: "often"}, "tag dagster-plus-k8s/size: 'often' must be what sized_by_partition(...)"),
    ],
    ids=["raises", "is cancelled", "interrupts itself", "returns another thing", "is missing", "a tag"],
)  # fmt: skip
def test_an_error_fails_its_step_alone_and_says_where(
    run: StepRun, tags: dict[str, str], failure: str
) -> None:
    step = {"tags": tags, "max_retries": 3}

    assert not run.start({"load": step, "other": {}}, {}).finish()

    assert (kinds(run, "load"), kinds(run, "other")) == (["STEP_FAILURE"], ["STEP_SUCCESS"])
    (message,) = run.messages("STEP_FAILURE", "load")
    assert failure in message
    assert ("sizes.py, line " in message) == ("raised" in failure)
    assert memory(run, "load") == []


def test_each_mapped_step_is_sized_by_what_its_output_says(run: StepRun) -> None:
    """The list of files of 20 GiB and 100 GiB, dagster-io/dagster 8062; what collects them knows all."""
    assert start_job(run, sized_jobs.files_job).finish(), run.messages()

    # The label of a Job holds no brackets.
    found = {step: memory(run, step) for step in ("process-small", "process-large", "collect")}
    assert found == {"process-small": ["40Gi"], "process-large": ["200Gi"], "collect": ["1200Mi"]}
    assert sorted(run.said("gets")) == [
        "Step \"collect\" gets 1200Mi of memory: ['files[large]', 'files[small]'].",
        'Step "process[large]" gets 200Gi of memory: its file large has 100 GiB.',
        'Step "process[small]" gets 40Gi of memory: its file small has 20 GiB.',
    ]


def test_what_is_upstream_says_how_large_it_is_for_the_same_partition(run: StepRun) -> None:
    upstream = [sized_jobs.orders, sized_jobs.currencies]
    for partition in ("us", "eu"):
        dg.materialize(upstream[:1], instance=run.instance, partition_key=partition)
    dg.materialize(upstream[1:], instance=run.instance)

    assert start_job(run, sized_jobs.report_job, **US).finish(), run.messages()

    assert memory(run, "report") == ["705Mi"]
    assert run.said("gets") == ["Step \"report\" gets 705Mi of memory: [('currencies', 5), ('orders', 700)]."]


@pytest.mark.parametrize("partition", ["us", "eu"])
def test_the_job_that_is_sent_is_the_one_that_a_plan_shows(run: StepRun, partition: str) -> None:
    tags = {"dagster/partition": partition}
    assert start_job(run, sized_jobs.regional_job, **tags).finish(), run.messages()

    (sent,) = run.server.of_step("regional")
    planned = plan_of_job(sized_jobs.regional_job(), tags=tags).steps["regional"].manifest
    assert of_size(sent.body) == of_size(planned)
    assert of_size(planned)["label"] == "per-step"


def of_size(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the sizes of `regional_job` say of a Job."""
    template = manifest["spec"]["template"]
    return {
        "resources": template["spec"]["containers"][0]["resources"],
        "nodes": template["spec"].get("nodeSelector"),
        "tolerations": template["spec"].get("tolerations"),
        "label": template["metadata"]["labels"].get("size"),
    }


def used(run: StepRun, step: str, peak: int, **more: Any) -> None:
    """Say what a step of the run took, as the executor does for one that was measured."""
    (job,) = run.server.of_step(step)[-1:]
    usage = Usage(job=job.name, memory_peak_bytes=peak * MI, **more)
    (launch,) = run.events("STEP_WORKER_STARTING", step)[-1:]
    assert launch.job_name is not None
    event = DagsterEvent(
        event_type_value="ENGINE_EVENT",
        job_name=launch.job_name,
        step_handle=launch.step_handle,
        node_handle=launch.node_handle,
        event_specific_data=EngineEventData(metadata=usage.to_metadata()),
    )
    run.instance.report_dagster_event(event, run.run_id)


def test_after_the_runs_it_needs_a_step_gets_what_it_used(run: StepRun) -> None:
    sizes = sized_by_usage(at_least=2)
    steps = {"load": {"memory": "4Gi", "tags": sizes}}
    for peak in (500, 600):
        assert run.start(steps, {}, US).finish(), run.messages()
        used(run, "load", peak)
    assert run.start(steps, {}, {"dagster/partition": "eu"}).finish()
    others = run.said("gets")

    assert run.start(steps, {}, US).finish()

    assert memory(run, "load") == ["4Gi", "4Gi", "690Mi", "690Mi"]
    assert requests(run, "load")[-1] == "690Mi"
    assert others == [
        'Step "load" gets 690Mi of memory: 1.15 times 600Mi, the most that 2 runs of its partitions used.'
    ]
    assert run.said("gets") == [
        'Step "load" gets 690Mi of memory: 1.15 times 600Mi, the most that 2 runs of this partition used.'
    ]


def test_while_too_little_is_known_the_size_stays_and_the_event_says_so(run: StepRun) -> None:
    steps = {"load": {"memory": "300Mi", "tags": sized_by_usage()}}

    assert run.start(steps, {}).finish()

    assert memory(run, "load") == ["300Mi"]
    assert run.said("keeps its size") == [
        'Step "load" keeps its size: what it used is not known of any run, and 3 runs are needed.'
    ]


@pytest.mark.parametrize(
    ("ladder", "sizes"),
    [({}, ["300Mi", "375Mi"]), ({"memory_ladder": {}}, ["300Mi", "600Mi"])],
    ids=["alone", "with the ladder"],
)
def test_an_oom_of_this_run_raises_the_next_attempt(
    run: StepRun, ladder: dict[str, Any], sizes: list[str]
) -> None:
    run.server.play("load", Play("oom-killed", runs=False))
    step = {"memory": "300Mi", "max_retries": 1, "tags": sized_by_usage()}

    assert run.start({"load": step}, ladder).finish(), run.messages()

    assert memory(run, "load") == sizes
    assert run.said("gets 375Mi") == [
        'Step "load" gets 375Mi of memory: 1.25 times the 300Mi with which it was OOMKilled.'
    ]


def test_an_oom_of_a_child_is_known_to_the_next_attempt(
    run: StepRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step fails by itself, and is retried before anybody has looked at its pod."""
    tree = Tree(tmp_path / "cgroup", V2)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    step = {"memory": "900Mi", "max_retries": 2, "does": "lose a child", "tags": sized_by_usage()}

    assert not run.start({"load": step}, {}).finish()

    assert memory(run, "load") == ["900Mi", "1125Mi", "1407Mi"]


def test_a_retry_waits_for_a_look_no_longer_than_it_may(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("launching.held", "events.ended_jobs"):
        monkeypatch.setattr(f"dagster_plus_k8s_helpers.executor.{module}.LAST_SECONDS", 0.5)
    run.server.faults += [Fault("GET", kind, 500) for kind in ("jobs", "pods")]
    step = {"does": "fail", "max_retries": 1, "tags": sized_by("sizes:PER_ATTEMPT")}

    assert not run.start({"load": step}, {}).finish()

    assert memory(run, "load") == ["100Mi", "200Mi"]
    assert run.said("cannot be reached"), "no look has come"


def test_the_ladder_climbs_from_the_size_that_was_decided(run: StepRun) -> None:
    run.server.play("load", Play("oom-killed", runs=False))
    step = {"memory": "300Mi", "tags": sized_by_partition({"us": SMALL})}

    assert run.start({"load": step}, {"memory_ladder": {}}, US).finish(), run.messages()

    assert memory(run, "load") == ["1Gi", "2Gi"]


def test_a_storage_that_cannot_answer_leaves_the_size_alone_and_it_is_said(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ConnectionError("no answer")

    monkeypatch.setattr(run.instance, "get_run_records", fails)
    steps = {"load": {"memory": "300Mi", "tags": sized_by_usage()}}

    assert run.start(steps, {}).finish(), run.messages()

    assert memory(run, "load") == ["300Mi"]
    assert run.said("keeps its size") == [
        'Step "load" keeps its size: usage cannot be read: ConnectionError: no answer.'
    ]


def test_the_log_of_an_earlier_run_is_read_once_however_many_steps_ask(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {name: {"tags": sized_by_usage(at_least=1)} for name in "abc"}
    assert run.start(steps, {}).finish()
    first, read = run.run_id, logs_that_are_read(monkeypatch)

    assert run.start(steps, {}).finish()

    assert read.count(first) == 1


def test_a_run_worker_that_resumes_decides_by_the_same_facts(run: StepRun) -> None:
    """What went before it is in the event log: outputs, attempts, usage."""
    run.resumes = 1
    run.describe({"a": {"does": "hold"}, "b": {"after": ["a"], "tags": sized_by("sizes:PER_ATTEMPT")}}, {})
    run.start_worker()
    eventually(lambda: run.began("a").exists(), "the first step")
    run.worker.kill()
    run.worker.wait()

    run.start_worker(resume=True)
    run.go("a")
    assert run.finish(), run.messages()

    assert memory(run, "b") == ["100Mi"]


def test_a_run_worker_that_resumes_finds_the_outputs_of_those_before_it_in_the_log() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        done = sized_jobs.files.to_job().execute_in_process(instance=instance)
        entries = instance.all_logs(done.run_id)
    history = History()

    history.fold([entry.dagster_event for entry in entries if entry.dagster_event], resuming=True)

    found = {handle: dict(metadata) for handle, metadata in history.outputs.items()}
    assert found[StepOutputHandle("list_files", "result", "large")]["gigabytes"].value == 100
    assert found[StepOutputHandle("process[large]", "result")]["rows"].value == 1000
    assert StepOutputHandle("collect", "result") not in found, "it has no metadata"
