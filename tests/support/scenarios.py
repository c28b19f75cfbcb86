"""Scenarios that are the same on the stand-in and on a cluster: what is run, and what its event log must say.

On a cluster the causes are real; on the stand-in they are played as they were recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from step_runs import StepRun

HUGE = {"dagster-k8s/config": {"container_config": {"resources": {"requests": {"cpu": "4000"}}}}}
NO_SECRET = {
    "dagster-k8s/config": {"container_config": {"env_from": [{"secret_ref": {"name": "there-is-none"}}]}}
}
NO_ACCOUNT = {"dagster-k8s/config": {"pod_spec_config": {"service_account_name": "there-is-none"}}}
MISNAMED = {"dagster-k8s/config": {"container_config": {"image": "Not A Name"}}}
OVER_LIMIT = {
    "dagster-k8s/config": {
        "container_config": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}
    }
}


def ends(run: StepRun, step: str) -> list[str]:
    """What became of a step's attempts."""
    kinds = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}
    return [event.event_type_value for event in run.events(step=step) if event.event_type_value in kinds]


def failure_of(run: StepRun, step: str) -> dict[str, Any]:
    """The metadata of a step's only failure event."""
    (failure,) = run.events("STEP_FAILURE", step)
    return run.metadata(failure)


def success(run: StepRun) -> None:
    """Two steps, one after the other."""
    assert run.start({"a": {}, "b": {"after": ["a"]}}, {}).finish(), run.messages()

    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2


def oom_then_success(run: StepRun) -> None:
    """A step that needs more than it has, and less than four times as much."""
    step = {"does": "allocate 700", "memory": "300Mi"}
    assert run.start({"train": step}, {"memory_ladder": {}}).finish(), run.messages()

    assert ends(run, "train") == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    (last,) = [
        event for event in run.events("ENGINE_EVENT", "train") if "succeeded with" in str(event.message)
    ]
    assert run.metadata(last)["memory_tried"] == "300Mi, 600Mi, 1200Mi"


def oom_at_the_cap(run: StepRun) -> None:
    """A step that needs more than it may get."""
    step = {"does": "allocate 900", "memory": "300Mi"}
    assert not run.start({"train": step}, {"memory_ladder": {"maximum": "400Mi"}}).finish()

    shown = failure_of(run, "train")
    assert (shown["kind"], shown["limit"], shown["memory_tried"]) == ("OOMKilled", "400Mi", "300Mi, 400Mi")


def exit_code(run: StepRun) -> None:
    """A process that dies without a word to Dagster."""
    assert not run.start({"train": {"does": "exit"}}, {}).finish()

    shown = failure_of(run, "train")
    assert (shown["kind"], shown["exit_code"]) == ("Error", 3)


def unschedulable(run: StepRun) -> None:
    """A pod that no node can take."""
    assert not run.start({"train": {"tags": HUGE}}, {"start_timeout": run.start_timeout}).finish()

    assert failure_of(run, "train")["kind"] == "Unschedulable"
    assert len(run.said("waits: Unschedulable: No node can take the pod: ")) == 1


def missing_secret(run: StepRun) -> None:
    """A pod that wants a Secret that is not there."""
    assert not run.start({"train": {"tags": NO_SECRET}}, {"start_timeout": run.start_timeout}).finish()

    assert failure_of(run, "train")["kind"] == "CreateContainerConfigError"


def missing_service_account(run: StepRun) -> None:
    """A pod that can never be created."""
    assert not run.start({"train": {"tags": NO_ACCOUNT}}, {}).finish()

    shown = failure_of(run, "train")
    assert (shown["kind"], shown["cause"]) == ("FailedCreate", "service_account")


def misnamed_image(run: StepRun) -> None:
    """An image that can never be pulled."""
    assert not run.start({"train": {"tags": MISNAMED}}, {}).finish()

    assert failure_of(run, "train")["kind"] == "InvalidImageName"


def one_refused_of_three(run: StepRun) -> None:
    """A Job that the API server does not take, beside two that it does."""
    assert not run.start({"a": {}, "b": {}, "c": {"tags": OVER_LIMIT}}, {}).finish()

    assert [ends(run, step) for step in "abc"] == [["STEP_SUCCESS"], ["STEP_SUCCESS"], ["STEP_FAILURE"]]
    assert failure_of(run, "c")["kind"] == "JobRefused"


SCENARIOS: dict[str, Callable[[StepRun], None]] = {
    scenario.__name__: scenario
    for scenario in (
        success,
        oom_then_success,
        oom_at_the_cap,
        exit_code,
        unschedulable,
        missing_secret,
        missing_service_account,
        misnamed_image,
        one_refused_of_three,
    )
}
