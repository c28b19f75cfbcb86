"""`sized_by`: functions that a run worker finds by their names, and those that it could not."""

from __future__ import annotations

import copy
import functools
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest
import sizes
from sizes import BIG, PER_ATTEMPT

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.sizing.by_function import ByName, sized_by
from dagster_plus_k8s_helpers.sizing.by_partition import sized_by_partition
from dagster_plus_k8s_helpers.sizing.by_usage import sized_by_usage
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.lazy import LazySequence, OnlyAtLaunch, only_at_launch
from dagster_plus_k8s_helpers.sizing.reading import size_of_step, size_tags
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG, Sized, SizeTags, decided

if TYPE_CHECKING:
    from collections.abc import Iterator

US = StepFacts(step_key="load", partition_key="us")


def test_a_function_is_named_in_the_tag_and_found_by_it() -> None:
    tags = sized_by(sizes.by_partition)

    assert tags == {SIZE_TAG: "sizes:by_partition"}
    assert decided(tags.strategy, US).config == BIG
    found = size_of_step(tags, None)
    assert found is not None
    assert decided(found, US).config == BIG


def test_an_object_of_a_class_is_named_by_text() -> None:
    found = decided(sized_by("sizes:PER_ATTEMPT").strategy, StepFacts(step_key="a", attempt=2))

    assert found == Sized(K8sConfig(resources=Resources(memory="200Mi")), "attempt 2")


def local() -> Any:
    def inside(facts: StepFacts) -> None: ...

    return inside


def of_script() -> Any:
    script: dict[str, Any] = {"__name__": "__main__"}
    exec("def size(facts): ...", script)
    return script["size"]


def of_another_name() -> Any:
    module: dict[str, Any] = {"__name__": "sizes"}
    exec("def by_partition(facts): ...", module)
    return module["by_partition"]


HOW = "write it as a function at the top of a module: def size(facts): ..."
REFUSED = [
    (lambda facts: None, f"a lambda has no name that the run worker could find it by; {HOW}"),
    (local(), f"inside is inside of local, where the run worker does not find it; {HOW}"),
    (sizes.Methods.of_class, f"of_class is inside of Methods, where the run worker does not find it; {HOW}"),
    (sizes.Methods().size, f"Methods.size is a method of an object; {HOW}"),
    (
        functools.partial(sizes.two_arguments, other=1),
        f"a partial has no name that the run worker could find it by; {HOW}",
    ),
    (of_script(), f"size is in a script, which the run worker does not import; {HOW}"),
    (of_another_name(), f"sizes:by_partition is another thing than this function; {HOW}"),
    (sizes.asynchronous, f"asynchronous is async; {HOW}"),
    (
        sizes.two_arguments,
        "two_arguments must take StepFacts and nothing else: missing a required argument: 'other'",
    ),
    (
        PER_ATTEMPT,
        "an object of PerAttempt does not know its name; make one at the top of its module, NAME = PerAttempt(...), and write sized_by('sizes:NAME')",
    ),
    (
        sizes.PerAttempt,
        "is the class PerAttempt itself; make one at the top of its module, NAME = PerAttempt(...), and write sized_by('sizes:NAME')",
    ),
    (3, "must be a function of StepFacts, not int"),
    ("by_rows", "'by_rows' names no function; write 'module:name', such as 'my_project.sizes:by_rows'"),
    (
        "a/b.py:size",
        "'a/b.py:size' names no function; write 'module:name', such as 'my_project.sizes:by_rows'",
    ),
]


@pytest.mark.parametrize(("function", "message"), REFUSED, ids=[message[:24] for _, message in REFUSED])
def test_what_a_run_worker_could_not_find_is_refused_where_it_is_written(function: Any, message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        sized_by(function)

    assert str(refused.value) == f"function: {message}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sizes:missing", "size: the module 'sizes' has no 'missing' at its top"),
        (
            "no_such_module:size",
            "size: no_such_module:size: cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (
            "unimportable_sizes:size",
            "size: unimportable_sizes:size: cannot be imported: AttributeError: no such thing",
        ),
        ("sizes:NUMBER", "size: sizes:NUMBER is no function, but int"),
        ("sizes:PerAttempt", "size: sizes:PerAttempt is no function, but a class; name an object of it"),
        (
            "sizes:by_dictionary",
            "size: sizes:by_dictionary returned dict; return a K8sConfig, a Sized(config, why), or None to leave the size alone",
        ),
    ],
)
def test_a_name_that_decides_nothing_says_why_when_it_is_called(name: str, message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        decided(ByName(name), US)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (sizes.broken, r"size: sizes:broken raised KeyError: 'load' \(.*sizes\.py, line \d+\)"),
        (sizes.cancelled, r"size: sizes:cancelled raised CancelledError \(.*sizes\.py, line \d+\)"),
        (sizes.leaving, r"size: sizes:leaving raised SystemExit: 1 \(.*sizes\.py, line \d+\)"),
        (
            sizes.with_arguments,
            r"size: sizes:with_arguments\.container_config\.args: Dagster overwrites the arguments of .*",
        ),
        (
            sizes.wrong_amount,
            r"size: sizes:wrong_amount raised QuantityError: memory: '4GB' is not .* \(.*sizes\.py, line \d+\)",
        ),
    ],
)
def test_an_error_in_a_function_says_what_it_is_and_the_line_of_the_function(
    function: Any, said: str
) -> None:
    with pytest.raises(K8sConfigError) as refused:
        decided(function, US)

    assert re.fullmatch(said, str(refused.value))


def test_an_interrupt_is_the_strategys_own_unless_somebody_interrupts() -> None:
    with pytest.raises(K8sConfigError, match="size: sizes:interrupting raised KeyboardInterrupt"):
        decided(sizes.interrupting, US, lambda: False)
    with pytest.raises(KeyboardInterrupt):
        decided(sizes.interrupting, US, lambda: True)
    with pytest.raises(KeyboardInterrupt):
        decided(sizes.interrupting, US)


def test_what_only_a_launch_knows_comes_through_from_a_plan() -> None:
    facts = StepFacts(step_key="a", usage=LazySequence(only_at_launch("usage", [])))

    with pytest.raises(OnlyAtLaunch, match="usage is known at launch only") as asked:
        decided(sized_by_usage().strategy, facts)
    assert asked.value.fact == "usage"
    assert "not read yet" in repr(facts)


def test_a_fact_is_read_once_and_when_it_is_used() -> None:
    reads = []
    usage = LazySequence(lambda: reads.append(1) or [1, 2])  # type: ignore[func-returns-value]
    assert not reads

    assert [*usage, len(usage), usage[0]] == [1, 2, 2, 1]
    assert len(reads) == 1
    assert usage == [1, 2]


def test_the_tag_comes_before_the_executor_and_off_takes_it_away() -> None:
    default = sized_by_usage()[SIZE_TAG]

    assert size_of_step({}, None) is None
    assert size_of_step({}, default) == sized_by_usage().strategy
    assert size_of_step(sized_by(sizes.by_partition), default) == ByName("sizes:by_partition")
    assert size_of_step({SIZE_TAG: "off"}, default) is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "on",
            "tag dagster-plus-k8s/size: 'on' must be what sized_by_partition(...) or sized_by_usage(...) writes, 'module:name', or 'off'",
        ),
        (
            '{"by": "partitions"}',
            "tag dagster-plus-k8s/size: there is no size by 'partitions'; did you mean 'partition'?",
        ),
        ('{"by": []}', "tag dagster-plus-k8s/size: there is no size by []; there is partition and usage"),
        ('{"by": 3}', "tag dagster-plus-k8s/size: there is no size by 3; there is partition and usage"),
        (
            '{"by": "partition"}',
            "tag dagster-plus-k8s/size.sizes: must be a mapping from partitions to configs",
        ),
        (
            '{"by": "partition", "sizes": {"a": {"cpu": 1}}}',
            "tag dagster-plus-k8s/size.sizes['a']: dagster-k8s/config has no field 'cpu'",
        ),
        (
            '{"by": "partition", "sizes": {"a": 1}}',
            "tag dagster-plus-k8s/size.sizes['a']: must be a mapping, not int",
        ),
        (
            '{"by": "partition", "sises": {}}',
            "tag dagster-plus-k8s/size: a size by partition has no field 'sises'; did you mean 'sizes'?",
        ),
        (
            '{"by": "usage", "run": 3}',
            "tag dagster-plus-k8s/size: sized_by_usage has no field 'run'; did you mean 'runs'?",
        ),
        ("[" * 100_000, "tag dagster-plus-k8s/size"),
    ],
    ids=lambda text: text[:30],
)
def test_a_tag_that_holds_no_strategy_says_so(written: str, message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        size_of_step({SIZE_TAG: written}, None)

    assert str(refused.value).startswith(message)


def test_an_argument_that_takes_a_size_takes_all_its_forms() -> None:
    by_partition = sized_by_partition({"us": BIG})
    forms: list[Any] = [by_partition, by_partition.strategy, by_partition.tags]

    assert {size_tags(form)[SIZE_TAG] for form in forms} == {by_partition[SIZE_TAG]}
    named: list[Any] = [sizes.by_partition, "sizes:by_partition", ByName("sizes:by_partition")]
    assert {size_tags(form)[SIZE_TAG] for form in named} == {"sizes:by_partition"}


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            BIG,
            "size: a size that is always the same is no strategy; write step_config=... or with_k8s_config(...)",
        ),
        ({"a": BIG}, "size: must be sized_by(...), sized_by_partition(...) or sized_by_usage(...)"),
        (lambda facts: None, f"size: a lambda has no name that the run worker could find it by; {HOW}"),
    ],
)
def test_an_argument_that_is_no_size_is_refused(size: Any, message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        size_tags(size)

    assert str(refused.value) == message


def test_size_tags_are_copied_and_pickled_whole() -> None:
    tags = sized_by_partition({"us": BIG})

    for other in (copy.deepcopy(tags), pickle.loads(pickle.dumps(tags))):
        assert isinstance(other, SizeTags)
        assert (other, other.strategy) == (tags, tags.strategy)


@pytest.mark.parametrize(
    ("config", "why", "message"),
    [({}, "", "config: must be a K8sConfig, not dict"), (BIG, None, "why: must be text, not NoneType")],
)
def test_a_sized_holds_a_config_and_text(config: Any, why: Any, message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        Sized(config, why)

    assert str(refused.value) == message


def test_a_fact_that_cannot_be_read_is_not_shorter_when_it_is_asked_for_again() -> None:
    def read() -> Iterator[int]:
        yield 1
        raise ConnectionError("the storage is away")

    usage = LazySequence(read)

    for _ in range(2):
        with pytest.raises(ConnectionError, match="the storage is away"):
            len(usage)
        with pytest.raises(ConnectionError, match="the storage is away"):
            list(usage)
        # What was read before is as it was.
        assert usage[0] == 1
        assert usage


def test_a_fact_that_could_not_even_begin_to_be_read_says_so_each_time() -> None:
    asked: list[str] = []
    usage = LazySequence(only_at_launch("usage", asked))

    for _ in range(2):
        with pytest.raises(OnlyAtLaunch):
            len(usage)
    assert set(asked) == {"usage"}
