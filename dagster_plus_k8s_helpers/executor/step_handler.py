"""The step handler: the stock one's Jobs, sent to the API server by the supervisor.

Imported when a job uses the executor, not before: what it derives from comes with ``dagster_k8s``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from dagster_k8s.container_context import K8sContainerContext  # noqa: TID253 - see above
from dagster_k8s.executor import K8sStepHandler  # noqa: TID253 - see above

from dagster_plus_k8s_helpers._dagster.execution import CheckStepHealthResult, DagsterEvent
from dagster_plus_k8s_helpers._dagster.late_events import LateEvents
from dagster_plus_k8s_helpers._dagster.step_arguments import LateContext
from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.cluster.errors import not_built
from dagster_plus_k8s_helpers.executor.beside.launching import command_of, environment_of, launch_event
from dagster_plus_k8s_helpers.executor.beside.run_pod_steps import RunPodStep
from dagster_plus_k8s_helpers.executor.events.size_events import tell_size
from dagster_plus_k8s_helpers.executor.launching.launches import Launch, NotYetError
from dagster_plus_k8s_helpers.executor.launching.owners import Owners
from dagster_plus_k8s_helpers.executor.launching.unbuildable import why_not_built
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.job_memory import memory_in, raise_memory
from dagster_plus_k8s_helpers.sizing.layer import over_size, with_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    from dagster_k8s import K8sRunLauncher
    from kubernetes.client import V1Job

    from dagster_plus_k8s_helpers._dagster.execution import StepHandlerContext
    from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
    from dagster_plus_k8s_helpers.executor.launching.sizes import Sizes
    from dagster_plus_k8s_helpers.executor.launching.terms import Terms
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
    from dagster_plus_k8s_helpers.executor.supervisor import Supervisor
    from dagster_plus_k8s_helpers.executor.worker_end import WorkerEnd

__all__ = ["SupervisedStepHandler"]

_PRIORITY_TAG = "dagster/priority"
_TAGS_OF_PODS = "dagster-k8s/"
_MOST_CONTEXTS = 100


class SupervisedStepHandler(K8sStepHandler):
    """Launches steps as the stock handler does, without waiting for the API server.

    It takes over a stock handler, so that whatever that one was configured with stays.

    Args:
        stock: The handler of ``k8s_job_executor``.
        settings: Of the executor.

    Attributes:
        sizes: Decides what sizes attempts get.
        terms: Says on which terms steps are launched.
        end: Ends the steps with the run worker.
        will_be_resumed: Whether another run worker goes on when this one is gone.
        owners: What owns the Jobs, and where this process runs.
    """

    supervisor: Supervisor
    sizes: Sizes
    terms: Terms
    end: WorkerEnd
    will_be_resumed = False

    def __init__(self, stock: K8sStepHandler, settings: ExecutorSettings) -> None:
        self.__dict__.update(stock.__dict__)
        self.cluster = Cluster(self._api_client.batch_api.api_client, settings.call_timeout)
        self.owners = Owners(
            self.cluster,
            self._kubeconfig_file,
            wanted=self._enable_owner_references,
            note=self._note,
            resumed=lambda: self.will_be_resumed,
        )
        # The stock code asks for the owner while it builds a Job; here a launch's own thread does.
        self._enable_owner_references = False
        self._api_client = _Captured()
        self._sized: dict[str, K8sConfig | None] = {}
        self._contexts: dict[tuple[str, str], K8sContainerContext] = {}
        self.free_attempts: dict[str, int] = {}

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Have the supervisor launch it when its turn comes."""
        assert isinstance(step_handler_context, LateContext)  # noqa: S101 - the loop makes no other
        key = self._get_step_key(step_handler_context)
        tags = step_handler_context.step_tags[key]

        def launch() -> None:
            list(self._launch_step(step_handler_context))

        def prepare() -> None:
            self.supervisor.prepare(_priority(tags.get(_PRIORITY_TAG)), launch)

        if not (self.sizes.decides(tags) and self.supervisor.hold(key, prepare)):
            prepare()
        yield from ()

    def _get_step_key(self, step_handler_context: StepHandlerContext) -> str:
        assert isinstance(step_handler_context, LateContext)  # noqa: S101 - as above
        return step_handler_context.step_key

    def _launch_step(self, step_handler_context: LateContext) -> Iterator[DagsterEvent]:
        key = self._get_step_key(step_handler_context)
        self.supervisor.history.launched(key)
        name = self._get_k8s_step_job_name(step_handler_context)
        step = self.terms.of(key, step_handler_context, name, "")
        if step.problem is not None:
            self.supervisor.could_not_launch(key, step, not_built(str(step.problem)))
            return
        try:
            if self.terms.is_in_run_pod(key, step_handler_context):
                yield from self._launch_in_run_pod(key, step, step_handler_context)
                return
            self._decide_size(key, step, step_handler_context)
            step.namespace = self._namespace(step_handler_context)
            events = LateEvents()
            yield from super().launch_step(step_handler_context.with_events_in(events))
            job = self._api_client.take()
            self._set_memory(key, step, job)
            self.supervisor.history.launched_in(key, step.job_name)
            self.supervisor.launch(step, self._launch(key, step, job, step_handler_context, events))
        # One step's config must not end the run: it fails that step.
        except Exception as error:  # noqa: BLE001
            said = why_not_built(error, self._layers(key, step_handler_context))
            self.supervisor.could_not_launch(key, step, not_built(said))

    def _launch_in_run_pod(
        self, key: str, step: TrackedStep, context: StepHandlerContext
    ) -> Iterator[DagsterEvent]:
        """Start a step as a process of this one."""
        yield launch_event(step.context)
        arguments = context.execute_step_args
        command = command_of(arguments.get_command_args(skip_serialized_namedtuple=True))
        env = environment_of(arguments.get_command_env(), context.dagster_run.job_name, key)
        priority = _priority(context.step_tags[key].get(_PRIORITY_TAG))
        self.supervisor.run_pod.launch(key, self._in_run_pod(step), command, env, priority)

    def _in_run_pod(self, step: TrackedStep) -> RunPodStep:
        namespace, pod = self.owners.place() or ("", "")
        return RunPodStep(**{**vars(step), "namespace": namespace, "run_pod": pod})

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Take over a step of an earlier run worker; asked when a run resumes.

        The API is not asked here, where each call would hold up the loop and a failed one would launch the
        step again: whether there is a Job shows in the first look. One that was not launched yet has none.
        """
        key = self._get_step_key(step_handler_context)
        if not self.supervisor.history.is_announced(key):
            list(self.launch_step(step_handler_context))
            return CheckStepHealthResult.healthy()
        name = self._get_k8s_step_job_name(step_handler_context)
        namespace = self._namespace(step_handler_context)

        def relaunch() -> None:
            list(self.launch_step(step_handler_context))

        step = self.terms.of(key, step_handler_context, name, namespace)
        if key in self.supervisor.history.in_run_pod:
            self.supervisor.run_pod.adopt(key, self._in_run_pod(step), relaunch)
        else:
            self.supervisor.adopt(key, step, relaunch)
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Delete the Job of a step; the first call deletes those of all steps at once."""
        yield from self.end.terminate(self._get_step_key(step_handler_context))

    def _get_k8s_step_job_name(self, step_handler_context: StepHandlerContext) -> str:
        """The stock name, counting the attempts that the step's process is not told of."""
        key = self._get_step_key(step_handler_context)
        free = self.free_attempts.get(key, 0)
        name: str = super()._get_k8s_step_job_name(step_handler_context)
        if not free:
            return name
        known = step_handler_context.execute_step_args.known_state
        counted = known.get_retry_state().get_attempt_count(key) if known else 0
        return f"{name.removesuffix(f'-{counted}')}-{counted + free}"

    def _decide_size(self, key: str, step: TrackedStep, step_handler_context: StepHandlerContext) -> None:
        """Decide the size of this attempt, and tell it."""
        self._sized.pop(key, None)
        found = self.sizes.decide(step.context.step, step_handler_context.step_tags[key])
        if found is not None:
            sized, by = found
            self._sized[key] = sized.config
            tell_size(step.context, sized, by)

    def _get_container_context(self, step_handler_context: StepHandlerContext) -> K8sContainerContext:
        """The stock one, with the size of the step above its op tags."""
        key = self._get_step_key(step_handler_context)
        size, per_step = self._sized.get(key), self._per_step_k8s_config
        op = step_handler_context.get_step_context(key).step.op_name
        if size is None:
            # Most steps of a large run say the same, and merging the layers takes milliseconds.
            tags = step_handler_context.step_tags[key].items()
            # All that Dagster may read of them: the older tag of resources is one of its own.
            about_pods = sorted((name, text) for name, text in tags if name.startswith(_TAGS_OF_PODS))
            said = str(about_pods), op if op in per_step else ""
            if said not in self._contexts:
                if len(self._contexts) >= _MOST_CONTEXTS:
                    self._contexts.clear()
                self._contexts[said] = super()._get_container_context(step_handler_context)
            return self._contexts[said]
        try:
            self._per_step_k8s_config = with_size(per_step, op, size)
            merged = super()._get_container_context(step_handler_context)
            return over_size(merged, size, per_step.get(op) or {})
        finally:
            self._per_step_k8s_config = per_step

    def _layers(self, key: str, step_handler_context: StepHandlerContext) -> dict[str, object]:
        """What makes up the config of a step, as it was written."""
        op = step_handler_context.get_step_context(key).step.op_name
        of_executor = self._executor_container_context.run_k8s_config.to_dict()
        return {
            f"per_step_config[{op!r}]": self._per_step_k8s_config.get(op, {}),
            "size": size.to_dict() if (size := self._sized.get(key)) is not None else {},
            f"op tags, {K8sConfig.TAG}": step_handler_context.step_tags[key].get(K8sConfig.TAG, "{}"),
            "step_config": {part: given for part, given in of_executor.items() if given},
        }

    @property
    def step_config(self) -> dict[str, Any]:
        """What the executor says of the pods of all steps."""
        found: dict[str, Any] = self._executor_container_context.run_k8s_config.to_dict()
        return found

    @property
    def per_step_config(self) -> dict[str, Any]:
        """What it says of those of single ops, by their names."""
        found: dict[str, Any] = self._per_step_k8s_config
        return found

    def _namespace(self, step_handler_context: StepHandlerContext) -> str:
        return str(self._get_container_context(step_handler_context).namespace or "default")

    def namespace_of(self, run: dg.DagsterRun, instance: dg.DagsterInstance) -> str:
        """Where the Jobs of a run's steps are, of which no op tag says otherwise."""
        launcher = cast("K8sRunLauncher", instance.run_launcher)
        context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=False)
        return str(context.merge(self._executor_container_context).namespace or "default")

    def _set_memory(self, key: str, step: TrackedStep, job: V1Job) -> None:
        """Give the Job what its attempt is to have, and note what it really gets."""
        attempts, before = self.supervisor.history.attempts[key], memory_in(job)
        if attempts.memory is not None:
            attempts.memory = raise_memory(job, attempts.memory)
        elif step.learned is not None:
            memory, run_id = step.learned
            # Who has raised the config since gets what it says.
            if not before.limit or Quantity(before.limit) < Quantity(memory.limit):
                attempts.memory = raise_memory(job, memory)
                self.supervisor.reports.learned(step.context, attempts.memory, run_id)

    def _note(self, said: str) -> None:
        self.supervisor.notes.add(said)

    def _launch(
        self, key: str, step: TrackedStep, job: V1Job, context: StepHandlerContext, events: LateEvents
    ) -> Launch:
        labels = job.metadata.labels

        def build() -> V1Job:
            # The log has to say that a Job was launched before there is one.
            try:
                events.write()
            # Its text may hold the row. What is not written stays to be written.
            except Exception as error:  # noqa: BLE001
                raise NotYetError(0, f"the event log took no event ({type(error).__name__})") from None
            return self.owners.with_owner(job, step.namespace)

        return Launch(
            step_key=key,
            namespace=step.namespace,
            job_name=step.job_name,
            build=build,
            labels={name: labels[name] for name in ("dagster/run-id", "dagster/op")},
            priority=_priority(context.step_tags[key].get(_PRIORITY_TAG)),
        )


class _Captured:
    """Stands where the stock code has its client: keeps the Job that it would create."""

    _job: V1Job | None = None

    def create_namespaced_job_with_retries(self, body: V1Job, namespace: str) -> None:  # noqa: ARG002 - as it is called
        self._job = body

    def take(self) -> V1Job:
        job, self._job = self._job, None
        return job


def _priority(written: str | None) -> int:
    try:
        return int(written or 0)
    except ValueError:
        return 0
