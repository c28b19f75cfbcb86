"""What the event log says of steps is folded once and for all, and what a look finds out about their Jobs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from api_server import ApiServer, Fault
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.objects import (
    ErrorSource,
    StepFailureData,
    StepRetryData,
    StepSuccessData,
)
from dagster_shared.error import SerializableErrorInfo
from kubernetes.config import new_client_from_config
from plays import Play
from read_logs import logs_that_are_read
from step_runs import eventually

from dagster_plus_k8s_helpers import DiagnosisKind, K8sConfigError
from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.cluster.nodes import Nodes
from dagster_plus_k8s_helpers.executor.events.history import History
from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory
from dagster_plus_k8s_helpers.executor.looking.disruptions import leaving
from dagster_plus_k8s_helpers.executor.looking.looker import Looker
from dagster_plus_k8s_helpers.executor.looking.observation import Observation
from dagster_plus_k8s_helpers.executor.looking.remains import Watched
from dagster_plus_k8s_helpers.executor.settings import start_timeout_of_step
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory


def event(kind: str, data: Any = None, step: str | None = "a") -> DagsterEvent:
    return DagsterEvent(kind, "job", step_key=step, event_specific_data=data)


STARTING = event("STEP_WORKER_STARTING", EngineEventData())
SUCCESS = event("STEP_SUCCESS", StepSuccessData(1.0))
SKIPPED = event("STEP_SKIPPED")


def retry(message: str = "", kind: str | None = None, wait: float | None = None) -> DagsterEvent:
    return event("STEP_UP_FOR_RETRY", StepRetryData(SerializableErrorInfo(message, [], kind), wait))


def announced(counts: str) -> DagsterEvent:
    metadata = {"retry_of_job": "j", "retry_counts": counts}
    return event("ENGINE_EVENT", EngineEventData(metadata=metadata))


def test_a_second_ending_of_an_attempt_is_kept_from_the_loop() -> None:
    history = History()
    again = [STARTING, retry(), SUCCESS, STARTING, SUCCESS, SUCCESS]

    kept = history.fold(again, resuming=False)

    assert [item.event_type_value for item in kept] == [
        "STEP_WORKER_STARTING",
        "STEP_UP_FOR_RETRY",
        "STEP_WORKER_STARTING",
        "STEP_SUCCESS",
    ]


def test_a_late_beginning_of_an_old_attempt_opens_nothing() -> None:
    history = History()
    history.fold([STARTING, retry(), event("STEP_START")], resuming=False)

    assert not history.is_open("a")


def test_a_resumed_loop_sees_no_skip_and_no_wait_that_is_over() -> None:
    over, still = retry(wait=60), retry(wait=60)

    kept = History().fold([STARTING, over, STARTING, SKIPPED, still], resuming=True)

    waits = [item.step_retry_data.seconds_to_wait for item in kept if item.is_step_up_for_retry]
    assert waits == [None, 60]
    assert [item for item in kept if item.is_step_skipped] == []
    assert SKIPPED in History().fold([SKIPPED], resuming=False)


def test_attempts_are_counted_by_cause_and_sizes_read_back() -> None:
    history = History()
    said = {
        "memory_next": '{"limit": "600Mi", "request": ""}',
        "memory_tried": "150Mi, 300Mi",
        "retry_of_job": "j",
    }
    events = [
        STARTING, announced("memory"), retry("OOMKilled: x", "OOMKilled"),
        STARTING, announced("disruption"), retry("Evicted: x", "Evicted"),
        # A full volume of its own: the error's class is that of a disruption, and the policy paid for it.
        STARTING, announced("policy"), retry("Evicted: x", "Evicted"),
        STARTING, event("ENGINE_EVENT", EngineEventData(metadata=said)), retry("boom", "ValueError"),
        event("PIPELINE_START", step=None),
    ]  # fmt: skip

    history.fold(events, resuming=True)

    attempts = history.attempts["a"]
    assert (attempts.made, attempts.out_of_memory, attempts.disruptions, attempts.free) == (4, 1, 1, 2)
    assert (attempts.sizes, attempts.memory) == (["150Mi", "300Mi"], Memory("600Mi", ""))
    assert history.announced == {"a": "j"}
    history.fold([STARTING, SUCCESS], resuming=True)
    assert (history.successes_to_report(), history.successes_to_report()) == (["a"], [])


INTERRUPT = SerializableErrorInfo("", [], "DagsterExecutionInterruptedError")
FAILED = event("STEP_FAILURE", StepFailureData(INTERRUPT, None, error_source=ErrorSource.INTERRUPT))
ASKED = event(
    "STEP_UP_FOR_RETRY", StepRetryData(SerializableErrorInfo("", [], "RetryRequested", INTERRUPT), 60)
)
NOISY = event(
    "STEP_FAILURE",
    StepFailureData(SerializableErrorInfo("", [], "OperationalError", context=INTERRUPT), None),
)


@pytest.mark.parametrize(
    "own", [FAILED, ASKED, NOISY], ids=["failed", "asked for a retry", "cleaned up noisily"]
)
def test_what_an_interrupted_step_reports_is_held_back_until_it_is_released(own: DagsterEvent) -> None:
    history = History()

    assert history.fold([STARTING, own], resuming=False) == [STARTING]
    assert history.is_open("a")
    assert history.interrupted == {"a": own}
    history.release("a")
    assert history.fold([], resuming=False) == [own]
    assert not history.is_open("a")
    assert history.attempts["a"].free == 0


@pytest.mark.parametrize("resuming", [False, True])
def test_a_retry_takes_the_place_of_the_failure_of_an_interrupted_step(*, resuming: bool) -> None:
    history = History()
    given = retry("Evicted: x", "Evicted")

    kept = history.fold(
        [STARTING, FAILED, announced("disruption"), given, STARTING, SUCCESS], resuming=resuming
    )

    assert [item.event_type_value for item in kept] == [
        "STEP_WORKER_STARTING", "ENGINE_EVENT", "STEP_UP_FOR_RETRY", "STEP_WORKER_STARTING", "STEP_SUCCESS",
    ]  # fmt: skip
    assert history.attempts["a"].disruptions == 1


@pytest.mark.parametrize("resuming", [False, True])
def test_a_retry_that_an_interrupted_step_asked_for_is_free_and_at_once_when_it_is_announced(
    *,
    resuming: bool,
) -> None:
    history = History()

    kept = history.fold([STARTING, ASKED, announced("disruption"), STARTING], resuming=resuming)

    assert [item.step_retry_data.seconds_to_wait for item in kept if item.is_step_up_for_retry] == [None]
    assert (history.attempts["a"].made, history.attempts["a"].disruptions) == (1, 1)
    assert history.interrupted == {}


def test_a_resumed_loop_sees_the_retry_of_an_interruption_that_was_let_pass() -> None:
    history = History()

    kept = history.fold([STARTING, ASKED, STARTING], resuming=True)

    assert [item.event_type_value for item in kept] == [
        "STEP_WORKER_STARTING", "STEP_UP_FOR_RETRY", "STEP_WORKER_STARTING",
    ]  # fmt: skip
    assert (history.attempts["a"].made, history.attempts["a"].free) == (1, 0)


def test_the_end_of_a_step_that_never_began_counts_when_a_run_resumes() -> None:
    failed = event("STEP_FAILURE", StepFailureData(SerializableErrorInfo("", [], "JobRefused"), None))

    assert History().fold([failed, failed], resuming=True) == [failed]
    assert History().fold([failed], resuming=False) == []


def test_a_wait_is_remembered_until_it_is_over() -> None:
    history = History()
    waits = event("ENGINE_EVENT", EngineEventData(metadata={"wait_cause": "Unschedulable gpu"}))
    over = event("ENGINE_EVENT", EngineEventData(metadata={"wait_cause": ""}))

    history.fold([STARTING, waits], resuming=True)
    assert history.told == {"a": "Unschedulable gpu"}
    history.fold([over], resuming=True)
    assert history.told == {"a": ""}
    history.fold([waits, retry(), STARTING], resuming=True)
    assert history.told == {}


def test_metadata_of_another_shape_is_passed_over() -> None:
    history = History()
    history.fold([event("ENGINE_EVENT", EngineEventData(metadata={"memory_next": "lots"}))], resuming=False)

    assert history.attempts["a"].memory is None


@pytest.mark.parametrize(("written", "seconds"), [("30", 30.0), ("none", None), ("None", None)])
def test_a_start_timeout_by_tag(written: str, seconds: float | None) -> None:
    assert start_timeout_of_step({"dagster-plus-k8s/start-timeout": written}, 600.0) == seconds


@pytest.mark.parametrize("written", ["soon", "0", "-1", "inf", "nan"])
def test_a_start_timeout_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        start_timeout_of_step({"dagster-plus-k8s/start-timeout": written}, None)

    assert str(refusal.value) == (
        f"tag dagster-plus-k8s/start-timeout: {written!r} must be a number of seconds, or 'none'"
    )


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def looker(api_server: ApiServer, clock: Clock) -> Looker:
    cluster = Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0)
    return Looker(cluster, "run", clock=clock)


def created(
    server: ApiServer, play: Play, name: str = "a", containers: tuple[str, ...] = ("dagster",)
) -> None:
    labels = {"dagster/run-id": "run", "dagster/op": name}
    spec = {"containers": [{"name": container} for container in containers]}
    body = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    server.play(name, play)
    server.create(body)


@pytest.mark.parametrize(
    ("node", "state"),
    [
        (None, "is gone"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "is being deleted"),
        ({"spec": {"unschedulable": True}}, "is cordoned"),
        ({"spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}}, "the cluster autoscaler removes"),
        ({"spec": {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]}}, "Karpenter removes"),
        ({"spec": {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]}}, "does not answer"),
        ({"spec": {"taints": [{"key": "mine", "effect": "NoExecute"}]}}, "has a NoExecute taint"),
        ({"spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_how_a_node_is_on_its_way_out(node: Any, state: str | None) -> None:
    assert leaving(node) == state


def seen(looker: Looker, name: str = "a") -> Observation:
    return looker.look([Watched(name, "default", 0.0)]).observations[name]


def test_a_pod_that_ends_is_not_over_before_it_has_ended(
    api_server: ApiServer, looker: Looker, clock: Clock
) -> None:
    play = Play("evicted-api", runs=False)
    created(api_server, play)
    pod = api_server.played["a"]._recorded["pods"][0]  # type: ignore[index]
    pod["status"]["phase"] = "Running"

    assert not seen(looker).over
    clock.now = 31
    last = seen(looker)
    assert last.over
    assert last.diagnosis is not None
    assert last.diagnosis.kind is DiagnosisKind.EVICTION_BY_EVICTION_API


def test_a_cause_that_was_seen_outlives_its_pod(api_server: ApiServer, looker: Looker) -> None:
    created(api_server, Play("tainted-node", runs=False))
    seen(looker)
    api_server.played["a"].release(Play("deleted-pod", runs=False))

    last = seen(looker)

    assert last.diagnosis is not None
    assert last.diagnosis.kind is DiagnosisKind.DELETION_BY_TAINT_MANAGER


def test_a_disruption_is_remembered_from_a_pod_that_is_gone_and_forgotten_when_it_is_taken_back(
    api_server: ApiServer, looker: Looker
) -> None:
    created(api_server, Play("evicted-api", runs=False))
    condition = api_server.played["a"]._recorded["pods"][0]["status"]["conditions"][0]  # type: ignore[index]
    assert seen(looker).disruption is not None
    condition["status"] = "False"
    assert seen(looker).disruption is None
    condition["status"] = "True"
    seen(looker)
    api_server.played["a"].release(Play("deleted-pod", runs=False))

    last = seen(looker)

    assert last.disruption is not None
    assert last.disruption.kind is DiagnosisKind.EVICTION_BY_EVICTION_API


def test_a_step_that_runs_on_is_not_looked_into_again(api_server: ApiServer, looker: Looker) -> None:
    for name in "abcd":
        created(api_server, Play("running", runs=False), name)
    before = looker.look([Watched(name, "default", 0.0) for name in "abcd"]).observations

    api_server.played["b"].release(Play("oom-killed", runs=False))
    api_server.played["c"].release(Play("running", runs=False, deleting=True))
    interrupted = {name: name == "d" for name in "abcd"}
    watched = [Watched(name, "default", 0.0, interrupted=said) for name, said in interrupted.items()]
    after = looker.look(watched).observations

    assert [name for name in "abcd" if after[name] is before[name]] == ["a"]
    assert after["b"].diagnosis is not None
    assert after["b"].diagnosis.kind is DiagnosisKind.OOM_KILLED
    assert after["d"] == before["d"]


def test_an_oom_beside_the_steps_container_is_told_apart(api_server: ApiServer, looker: Looker) -> None:
    created(api_server, Play("oom-killed", runs=False), containers=("main", "dagster"))

    last = seen(looker)

    assert last.diagnosis is not None
    assert last.diagnosis.details["beside"] == "main"


def test_a_container_that_is_injected_is_not_the_step(api_server: ApiServer, looker: Looker) -> None:
    created(api_server, Play("image-name", runs=False, injected=("istio-proxy",)))
    created(api_server, Play("oom-killed", runs=False, injected=("istio-proxy",)), "b")
    limits = {"resources": {"limits": {"memory": "300Mi"}, "requests": {"memory": "200Mi"}}}
    api_server.played["b"].body["spec"]["template"]["spec"]["containers"][0].update(limits)

    look = looker.look([Watched(name, "default", 0.0) for name in "ab"])
    waits, killed = (look.observations[name] for name in "ab")

    assert (waits.started, waits.over) == (False, False)
    assert waits.diagnosis is not None
    assert waits.diagnosis.kind is DiagnosisKind.INVALID_IMAGE_NAME
    assert (killed.over, killed.lingers, killed.memory) == (True, True, Memory("300Mi", "200Mi"))
    assert killed.diagnosis is not None
    assert (killed.diagnosis.kind, killed.diagnosis.details.get("beside")) == (DiagnosisKind.OOM_KILLED, None)


def test_a_signal_beside_a_proxy_may_be_an_eviction_that_says_so_later(
    api_server: ApiServer, looker: Looker, clock: Clock
) -> None:
    created(api_server, Play("sigterm-143", runs=False, injected=("istio-proxy",)))
    created(api_server, Play("exit-3", runs=False, injected=("istio-proxy",)), "b")
    watched = [Watched(name, "default", 0.0) for name in "ab"]

    assert [looker.look(watched).observations[name].over for name in "ab"] == [False, True]
    clock.now = 31
    assert seen(looker).over


@pytest.mark.parametrize(
    ("fault", "refused"),
    [(Fault("GET", "events", 403, body={"message": "no"}), {"events": "HTTP 403 no"}), (None, {})],
)
def test_events_are_asked_for_only_of_what_is_silent(
    api_server: ApiServer, looker: Looker, clock: Clock, fault: Fault | None, refused: Mapping[str, str]
) -> None:
    api_server.faults.extend([fault] if fault else [])
    created(api_server, Play("missing-sa", runs=False))
    created(api_server, Play("running", runs=False), "b")
    clock.now = 10

    look = looker.look([Watched("a", "default", 0.0), Watched("b", "default", 0.0)])

    assert look.refused == refused
    found = look.observations["a"].diagnosis
    assert (found is not None) is (fault is None)
    assert api_server.count("LIST events") == 1


def test_why_steps_wait_is_not_asked_for_as_often_as_there_is_news(
    api_server: ApiServer, clock: Clock
) -> None:
    cluster = Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0)
    looker = Looker(cluster, "run", clock=clock, pause=5.0)
    created(api_server, Play("missing-sa", runs=False))
    watched = Watched("a", "default", 0.0)

    for clock.now in (10.0, 10.5, 11.0, 14.5):
        assert looker.look([watched]).observations["a"].diagnosis is not None, "what was read still holds"
    assert api_server.count("LIST events") == 1
    looker.look([replace(watched, interrupted=True)])
    assert api_server.count("LIST events") == 2, "what took a pod is asked for at once"
    clock.now = 19.5
    looker.look([watched])
    assert api_server.count("LIST events") == 3


def test_events_that_cannot_be_read_hold_up_no_look(
    api_server: ApiServer, looker: Looker, clock: Clock
) -> None:
    created(api_server, Play("missing-sa", runs=False))
    created(api_server, Play("missing-sa", runs=False), "b")
    created(api_server, Play("exit-3", runs=False), "c")
    watched = [Watched(name, "default", 0.0) for name in "abc"]
    clock.now = 10
    first = looker.look(watched).observations
    assert first["a"].diagnosis == first["b"].diagnosis is not None
    before = api_server.count("LIST events")
    api_server.faults.append(Fault("GET", "events", 500))

    look = looker.look(watched)

    assert look.observations["c"].over
    assert look.observations["a"].diagnosis == first["a"].diagnosis, "what was read before still holds"
    assert (api_server.count("LIST events"), look.refused) == (before + 1, {}), "it is not asked on and on"


def test_a_refusal_is_asked_about_again_after_a_while(
    api_server: ApiServer, looker: Looker, clock: Clock
) -> None:
    api_server.faults.append(Fault("GET", "events", 403, times=1))
    created(api_server, Play("missing-sa", runs=False))
    watched = [Watched("a", "default", 0.0)]
    clock.now = 10
    assert looker.look(watched).refused == {"events": "HTTP 403 injected 403"}
    clock.now = 309
    assert looker.look(watched).observations["a"].diagnosis is None

    clock.now = 311
    look = looker.look(watched)

    assert (look.refused, look.observations["a"].diagnosis is not None) == ({}, True)


def test_a_log_that_does_not_come_holds_up_no_look_and_is_not_asked_for_again(
    api_server: ApiServer, looker: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.executor.looking.questions._LOGS_SECONDS", 0.05)
    fault = Fault("GET", "pods", 0, hangs=True, times=1, asks=lambda query: "container" in query)
    api_server.faults.append(fault)
    names = [f"s{number}" for number in range(3)]
    for name in names:
        created(api_server, Play("exit-3", runs=False, log=f"the end of {name}"), name)
    watched = [Watched(name, "default", 0.0) for name in names]

    for _ in range(2):
        found = looker.look(watched).observations

    assert all(seen.over for seen in found.values())
    assert "" in {seen.log for seen in found.values()}
    eventually(lambda: api_server.count("GET pods") >= 3)
    assert api_server.count("GET pods") == 3


def test_a_containers_message_is_masked_as_its_log_is(api_server: ApiServer, looker: Looker) -> None:
    created(api_server, Play("exit-3", runs=False))
    pod = api_server.played["a"]._recorded["pods"][0]  # type: ignore[index]
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = "API_TOKEN=abcdef\nboom"

    found = seen(looker).diagnosis

    assert found is not None
    assert found.summary == "The container 'dagster' ended with exit code 3: API_TOKEN=********\nboom."


def test_no_log_is_read_when_none_is_wanted(api_server: ApiServer) -> None:
    cluster = Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0)
    created(api_server, Play("exit-3", runs=False))

    assert seen(Looker(cluster, "run", log_lines=0)).over
    assert api_server.count("GET pods") == 0


def test_a_log_that_may_not_be_read_hides_no_failure(api_server: ApiServer, looker: Looker) -> None:
    created(api_server, Play("exit-3", runs=False))
    api_server.faults.append(Fault("GET", "pods", 403, asks=lambda query: "container" in query))

    look = looker.look([Watched("a", "default", 0.0)])

    assert look.observations["a"].over
    assert "logs" in look.refused


def node(memory: str, spec: Any = None, conditions: Any = ()) -> dict[str, Any]:
    allocatable = {"memory": memory, "nvidia.com/gpu": "0", "cpu": "4"}
    return {"spec": spec or {}, "status": {"allocatable": allocatable, "conditions": list(conditions)}}


def test_the_nodes_are_asked_for_once_a_minute_and_only_when_they_matter(
    api_server: ApiServer, looker: Looker, clock: Clock
) -> None:
    for memory in ("8Gi", "32Gi", "lots"):
        api_server.nodes.append(node(memory))
    api_server.nodes.append(node("64Gi", spec={"unschedulable": True}))
    api_server.nodes.append(node("64Gi", spec={"taints": [{"key": "node-role.kubernetes.io/control-plane"}]}))
    api_server.nodes.append(node("64Gi", conditions=[{"type": "Ready", "status": "Unknown"}]))
    created(api_server, Play("running", runs=False), "b")
    assert looker.look([Watched("b", "default", 0.0)]).nodes == Nodes()
    created(api_server, Play("oom-killed", runs=False))

    for _ in range(2):
        nodes = looker.look([Watched("a", "default", 0.0)]).nodes

    assert nodes == Nodes("32Gi", frozenset({"memory", "cpu"}), known=True)
    assert api_server.count("LIST nodes") == 1
    api_server.nodes.append(node("128Gi"))
    clock.now = 61
    assert looker.look([Watched("a", "default", 0.0)]).nodes.largest_memory == "128Gi"


def test_nodes_that_may_not_be_listed_are_not_known(api_server: ApiServer, looker: Looker) -> None:
    api_server.faults.append(Fault("GET", "nodes", 403))
    created(api_server, Play("oom-killed", runs=False))

    assert looker.look([Watched("a", "default", 0.0)]).nodes == Nodes()


def test_a_job_that_lists_do_not_have_is_asked_for_by_name(api_server: ApiServer, looker: Looker) -> None:
    created(api_server, Play("running", runs=False))
    del api_server.played["a"].body["metadata"]["labels"]["dagster/run-id"]

    assert seen(looker).diagnosis is None
    api_server.delete("a")
    found = seen(looker).diagnosis
    assert found is not None
    assert found.kind is DiagnosisKind.JOB_DELETED


def test_what_an_asset_needed_is_found_by_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
    def features(context: dg.AssetExecutionContext) -> None:
        if "quiet" in context.run.tags:
            return
        worked = EngineEventData(metadata={"memory_worked": '{"limit": "2Gi", "request": "1Gi"}'})
        context.instance.report_engine_event("worked", context.run, worked, step_key="features")

    job = dg.Definitions(assets=[features], jobs=[dg.define_asset_job("nightly")]).resolve_job_def("nightly")
    (step,) = create_execution_plan(job).get_all_steps_in_topo_order()
    with dg.DagsterInstance.ephemeral() as instance:
        before = job.execute_in_process(partition_key="x", instance=instance)

        def run_of(partition: str) -> dg.DagsterRun:
            return dg.DagsterRun("another", tags={"dagster/partition": partition})

        # Somebody materializes it elsewhere, where it needs no more than it has.
        dg.materialize([features], partition_key="x", instance=instance, tags={"quiet": "yes"})
        read = logs_that_are_read(monkeypatch)
        learned = UsageHistory(instance, run_of("x"))

        assert learned.worked(step) == (Memory("2Gi", "1Gi"), before.run_id)
        assert learned.worked(step) == (Memory("2Gi", "1Gi"), before.run_id)
        assert len(read) == len(set(read)) == 2, "each log is read once"
        assert UsageHistory(instance, run_of("y")).worked(step) is None
