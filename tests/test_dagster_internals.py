"""What the package takes from inside Dagster is still there: a failure here says what moved."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import dagster as dg
import pytest
from cgroups import V1, V2, Tree
from dagster._grpc.types import ExecuteStepArgs
from dagster._utils import container
from dagster.components.core.decl import build_component_decls_from_directory_items
from dagster.components.resolved.errors import ResolutionException
from dagster_k8s.executor import K8sStepHandler

import dagster_plus_k8s_helpers
from dagster_plus_k8s_helpers import DagsterPlusK8sError, _dagster
from dagster_plus_k8s_helpers._dagster import planning
from dagster_plus_k8s_helpers._dagster.executor_config import unknown_settings
from dagster_plus_k8s_helpers.measuring.cgroup import PATHS, Cgroup

PACKAGE = Path(dagster_plus_k8s_helpers.__file__).parent


def test_private_dagster_is_imported_in_one_package_only() -> None:
    private = ("dagster._", "dagster_shared")
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith(("from ", "import ")) and any(name in line for name in private)
    }

    assert {path.partition("/")[0] for path in importing} == {"_dagster"}


def test_a_graph_takes_exactly_what_is_passed_when_it_is_rebuilt() -> None:
    old_name_of_input_assets = {"node_input_source_assets"}
    parameters = set(inspect.signature(dg.GraphDefinition.__init__).parameters) - {"self", "kwargs"}
    passed = set(re.findall(r"^ {8}(\w+)=", inspect.getsource(_dagster.rebuilt_graph), re.MULTILINE))

    assert passed == parameters - old_name_of_input_assets | {"positional_inputs"}


def test_an_op_keeps_its_tags_where_they_are_set() -> None:
    @dg.op(tags={"a": "b"})
    def op() -> None: ...

    assert dict(_dagster.with_op_tags(op, {"c": "d"}).tags) == {"c": "d"}
    assert dict(op.tags) == {"a": "b"}


def test_an_op_that_keeps_its_tags_elsewhere_is_noticed() -> None:
    class Moved(dg.OpDefinition):  # type: ignore[misc]
        @property
        def tags(self) -> dict[str, str]:
            return {}

    op = Moved(compute_fn=lambda: None, name="moved")

    with pytest.raises(DagsterPlusK8sError, match="keeps the tags of an op in another place"):
        _dagster.with_op_tags(op, {"a": "b"})


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (dg.AssetsDefinition, ["get_attributes_dict", "is_executable", "specs", "check_keys"]),
        (dg.AssetSelection, ["from_string", "resolve", "resolve_checks"]),
        (
            dg.GraphDefinition,
            ["node_dict", "dependencies", "input_assets", "composition_fn", "is_subselected"],
        ),
        (dg.ScheduleDefinition, ["target"]),
        (dg.SensorDefinition, ["targets"]),
        (dg.ExecutorDefinition, ["config_schema", "executor_creation_fn", "apply_config_mapping"]),
        (dg.AssetKey, ["to_python_identifier"]),
        (K8sStepHandler, ["_get_container_context"]),
    ],
)
def test_what_dagster_does_not_export_is_there(owner: type, names: list[str]) -> None:
    assert [name for name in names if not hasattr(owner, name)] == []


def test_the_declarations_of_a_folder_are_made_and_kept_as_dagster_does() -> None:
    """Of a folder with components in it: `tests/components` loads such ones."""
    made = inspect.signature(build_component_decls_from_directory_items).parameters
    kept = dg.ComponentTree.for_test().state_tracker.get_cache_data(Path("/shop"))

    assert list(made) == ["context", "component_file_model"]
    assert (kept.component, kept.component_decl) == (None, None)
    assert issubclass(ResolutionException, Exception)
    assert {"source_position_tree", "path", "scope"} <= set(dg.ResolutionContext.__annotations__)


def test_a_configured_executor_knows_what_it_was_made_from_and_an_executor_its_settings() -> None:
    executor = dg.multiprocess_executor.configured({"max_concurent": 4})

    [(name, known)] = unknown_settings(executor, {}).items()

    assert name == "max_concurent"
    assert "max_concurrent" in known
    assert list(unknown_settings(dg.multiprocess_executor, {"max_concurent": 4})) == ["max_concurent"]
    assert unknown_settings(executor.configured({}), {}) == {}


def test_the_long_list_of_what_could_be_written_is_left_out() -> None:
    executor = dg.multiprocess_executor.configured({"retries": {"on": {}}})
    refused = executor.apply_config_mapping({})

    assert planning.reasons(refused) == (
        'Received unexpected config entry "on" at path root:config:retries. '
        'Expected: "{ disabled?: { } enabled?: { } }".'
    )
    refused = dg.multiprocess_executor.configured({"nope": 1}).apply_config_mapping({})
    assert planning.reasons(refused) == 'Received unexpected config entry "nope" at path root:config.'


def test_the_files_of_a_container_are_where_dagster_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """`measuring` loads nothing of Dagster, so it names them itself."""
    for name in PATHS:
        monkeypatch.delenv(name, raising=False)
    theirs = {
        "DAGSTER_MEMORY_USAGE_PATH_V2": container.memory_usage_path_cgroup_v2,
        "DAGSTER_MEMORY_STAT_PATH_V2": container.memory_stat_path_cgroup_v2,
        "DAGSTER_CPU_STAT_PATH": container.cpu_stat_path_cgroup_v2,
        "DAGSTER_MEMORY_USAGE_PATH_V1": container.memory_usage_path_cgroup_v1,
        "DAGSTER_MEMORY_STAT_PATH_V1": container.memory_stat_path_cgroup_v1,
        "DAGSTER_CPU_USAGE_PATH": container.cpu_usage_path_cgroup_v1,
        "DAGSTER_CPU_CFS_QUOTA_US_PATH": container.cpu_cfs_quota_us_path,
    }

    assert {name: path() for name, path in theirs.items()} == PATHS
    for name in PATHS:
        monkeypatch.setenv(name, "/elsewhere")
    assert {path() for path in theirs.values()} == {"/elsewhere"}


@pytest.mark.parametrize("version", [V2, V1])
def test_a_working_set_and_cpu_time_are_what_dagster_says_they_are(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, path in Tree(tmp_path / "cgroup", version).environment.items():
        monkeypatch.setenv(name, path)
    monkeypatch.setattr(
        container, "_retrieve_cgroup_version", lambda _logger: container.CGroupVersion[version.upper()]
    )

    theirs = container.retrieve_containerized_utilization_metrics(None)

    ours = Cgroup().read()
    assert (ours.memory, ours.cpu_seconds) == (theirs["memory_usage"], theirs["cpu_usage"])
    assert None not in {ours.memory, ours.cpu_seconds}


def test_a_step_is_known_by_its_command_and_by_the_variable_of_its_container() -> None:
    assert '"execute_step"' in inspect.getsource(ExecuteStepArgs.get_command_args)
    assert '"DAGSTER_RUN_STEP_KEY"' in inspect.getsource(K8sStepHandler.launch_step)
