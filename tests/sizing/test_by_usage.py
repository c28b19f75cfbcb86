"""`sized_by_usage`: what a step gets by what it used, why, and what holds whatever it used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.sizing.by_usage import ByUsage, sized_by_usage
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.last_runs import of_this_run, runs_of
from dagster_plus_k8s_helpers.sizing.reading import size_of_step
from dagster_plus_k8s_helpers.sizing.usage import Usage
from dagster_plus_k8s_helpers.sizing.words import amounts_said

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.sizing.strategy import Sized

MI = 2**20


def used(peak: int | None, limit: int | None = None, *, oom: bool = False, attempt: int = 1) -> Usage:
    return Usage(
        attempt=attempt,
        memory_peak_bytes=peak and peak * MI,
        memory_limit_bytes=limit and limit * MI,
        oom_killed=oom,
    )


def facts(*usage: Usage, others: tuple[Usage, ...] = (), attempt: int = 1) -> StepFacts:
    return StepFacts(step_key="load", usage=usage, usage_of_other_partitions=others, attempt=attempt)


def memory(sized: Sized) -> int | None:
    """Mi of request and limit, which are the same."""
    if sized.config is None:
        return None
    resources = sized.config.resources
    assert resources is not None
    assert resources.memory is not None
    assert resources.memory.request is None
    assert resources.memory.limit is not None
    return int(resources.memory.limit.value) // MI


CASES: list[tuple[str, dict[str, Any], StepFacts, int | None, str]] = [
    (
        "peaks",
        {},
        facts(used(900), used(1000), used(800)),
        1150,
        "1.15 times 1000Mi, the most that 3 runs of this partition used",
    ),
    ("none", {}, facts(), None, "what it used is not known of any run, and 3 runs are needed"),
    ("few", {}, facts(used(900), used(800)), None, "what it used is known of 2 runs, and 3 are needed"),
    (
        "not measured",
        {},
        facts(used(900), used(None), used(800)),
        None,
        "what it used is known of 2 runs, and 3 are needed",
    ),
    (
        "others",
        {},
        facts(used(900), others=(used(2000), used(100))),
        2300,
        "1.15 times 2000Mi, the most that 3 runs of its partitions used",
    ),
    (
        "own before others",
        {},
        facts(used(9), used(8), used(7), others=(used(2000),)),
        11,
        "1.15 times 9Mi, the most that 3 runs of this partition used",
    ),
    (
        "killed",
        {},
        facts(used(400, 1000), used(990, 1000, oom=True), used(400)),
        1250,
        "1.25 times the 1000Mi with which it was OOMKilled",
    ),
    (
        "killed without a peak",
        {},
        facts(used(None, 1000, oom=True), used(1), used(1)),
        1250,
        "1.25 times the 1000Mi with which it was OOMKilled",
    ),
    (
        "floor",
        {"floor": "2Gi"},
        facts(used(1), used(1), used(1)),
        2048,
        "its floor, above 1.15 times 1Mi, the most that 3 runs of this partition used",
    ),
    (
        "least",
        {},
        facts(used(1), used(1), used(1)),
        4,
        "1.15 times 1Mi, the most that 3 runs of this partition used",
    ),
    (
        "maximum",
        {"maximum": "1Gi"},
        facts(used(1000), used(1), used(1)),
        1024,
        "its maximum, below 1.15 times 1000Mi, the most that 3 runs of this partition used",
    ),
    (
        "band",
        {},
        facts(used(1000, 1250), used(1), used(1)),
        1250,
        "as before, within 10% of 1.15 times 1000Mi, the most that 3 runs of this partition used",
    ),
    (
        "beyond the band",
        {},
        facts(used(1000, 1300), used(1), used(1)),
        1150,
        "1.15 times 1000Mi, the most that 3 runs of this partition used",
    ),
    (
        "never too little for the band",
        {},
        facts(used(1000, 1100), used(1), used(1)),
        1150,
        "1.15 times 1000Mi, the most that 3 runs of this partition used",
    ),
    (
        "median",
        {"quantile": 0.5},
        facts(used(300), used(200), used(100)),
        230,
        "1.15 times 200Mi, the quantile 0.5 of what 3 runs of this partition used",
    ),
    (
        "last runs",
        {"runs": 3},
        facts(used(1), used(1), used(100), used(5000)),
        115,
        "1.15 times 100Mi, the most that 3 runs of this partition used",
    ),
    (
        "one is enough",
        {"at_least": 1},
        facts(used(100)),
        115,
        "1.15 times 100Mi, the most that 1 run of this partition used",
    ),
    (
        "attempts of one run",
        {},
        facts(used(100, attempt=3), used(90, attempt=2), used(80, attempt=1)),
        None,
        "what it used is known of 1 run, and 3 are needed",
    ),
    (
        "killed in this run",
        {},
        facts(used(None, 512, oom=True), attempt=2),
        640,
        "1.25 times the 512Mi with which it was OOMKilled",
    ),
    (
        "killed in this run before it failed of something else",
        {},
        facts(used(300, 640, attempt=2), used(None, 512, oom=True), attempt=3),
        640,
        "1.25 times the 512Mi with which it was OOMKilled",
    ),
    (
        "killed in this run for what the node lacked",
        {},
        facts(used(300, oom=True), attempt=2),
        None,
        "what it used is known of 1 run, and 3 are needed",
    ),
    (
        "killed in this run more than once",
        {},
        facts(used(None, 512, oom=True, attempt=2), used(None, 1024, oom=True), attempt=3),
        1280,
        "1.25 times the 1024Mi with which it was OOMKilled",
    ),
    (
        "killed in the run before, and not in this",
        {},
        facts(used(300, 640, attempt=2), used(300, 640), used(None, 512, oom=True, attempt=1), attempt=3),
        None,
        "what it used is known of 2 runs, and 3 are needed",
    ),
    (
        "killed in this run at the cap",
        {"maximum": "600Mi"},
        facts(used(None, 512, oom=True), attempt=2),
        600,
        "its maximum, below 1.25 times the 512Mi with which it was OOMKilled",
    ),
    (
        "killed in an earlier run",
        {},
        facts(used(None, 512, oom=True)),
        None,
        "what it used is known of 1 run, and 3 are needed",
    ),
]


@pytest.mark.parametrize(
    ("given_", "known", "size", "why"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_was_used_decides_and_the_reason_is_said(
    given_: dict[str, Any], known: StepFacts, size: int | None, why: str
) -> None:
    sized = ByUsage(**given_)(known)

    assert (memory(sized), sized.why) == (size, why)


def cpu(cores: float, request: float | None = None, limit: float | None = None) -> Usage:
    return Usage(
        memory_peak_bytes=100 * MI,
        cpu_seconds=cores * 100,
        wall_seconds=100.0,
        cpu_request_cores=request,
        cpu_limit_cores=limit,
    )


@pytest.mark.parametrize(
    ("usages", "request_"),
    [
        ([cpu(1), cpu(0.5), cpu(2)], "2300m"),
        ([cpu(0.001)] * 3, "10m"),
        ([cpu(1, request=1.2)] * 3, "1200m"),
        ([cpu(1, request=4)] * 3, "1150m"),
        ([cpu(1, limit=1)] * 3, "1000m"),
        ([used(100)] * 3, None),
    ],
)
def test_the_request_of_cpu_follows_where_it_is_asked_for(usages: list[Usage], request_: str | None) -> None:
    amount = (request_, None) if request_ else None

    assert ByUsage(cpu=True)(facts(*usages)).config == K8sConfig(
        resources=Resources(memory="115Mi", cpu=amount)
    )
    assert ByUsage()(facts(*usages)).config == K8sConfig(resources=Resources(memory="115Mi"))


def test_the_words_of_a_size_show_amounts_and_no_other_value() -> None:
    size = K8sConfig(resources=Resources(cpu=("1", "2"), memory="8Gi", gpu=1), env={"TOKEN": "hidden"})

    assert amounts_said(size) == "8Gi of memory, 1 to 2 of CPU, 1 of nvidia.com/gpu, env"


def test_attempts_count_down_within_a_run() -> None:
    assert runs_of([used(1, attempt=attempt) for attempt in (3, 2, 1, 1, 2, 1)]) == 3
    assert runs_of([]) == 0


def in_run(run: str, *usages: Usage) -> tuple[Usage, ...]:
    return tuple(replace(usage, run=run) for usage in usages)


def test_mapped_siblings_of_one_run_are_one_run() -> None:
    siblings = in_run("a", *(used(100 * number) for number in range(1, 6)))

    few = ByUsage()(facts(others=siblings))
    enough = ByUsage()(facts(others=(*siblings, *in_run("b", used(700)), *in_run("c", used(10)))))

    assert few.config is None
    assert few.why == "what it used is known of 1 run, and 3 are needed"
    assert memory(enough) == 805
    assert enough.why == "1.15 times 700Mi, the most that 3 runs of its partitions used"


def test_a_run_that_the_step_and_its_siblings_were_in_counts_once() -> None:
    own, others = in_run("a", used(100)), (*in_run("a", used(200)), *in_run("b", used(300)))

    assert ByUsage()(facts(*own, others=others)).config is None
    assert memory(ByUsage(at_least=2)(facts(*own, others=others))) == 345


def test_all_attempts_of_the_last_runs_count_and_none_of_those_before() -> None:
    usages = (*in_run("a", used(100, attempt=2), used(400, attempt=1)), *in_run("b", used(900)))

    assert memory(ByUsage(runs=1, at_least=1)(facts(*usages))) == 460
    assert runs_of([*usages, *in_run("a", used(1))]) == 2


@pytest.mark.parametrize(
    ("run_id", "usages", "count"),
    [
        # Nothing of its first attempt is known, and the run before it had one.
        ("now", in_run("before", used(1, attempt=1)), 0),
        ("now", (*in_run("now", used(1, attempt=1)), *in_run("before", used(1, attempt=1))), 1),
        ("", in_run("before", used(1, attempt=1)), 1),
        ("now", (used(1, attempt=1),), 1),
    ],
)
def test_what_was_in_this_run_is_known_by_its_id(run_id: str, usages: tuple[Usage, ...], count: int) -> None:
    known = replace(facts(*usages, attempt=2), run_id=run_id)

    assert len(of_this_run(known)) == count


def test_the_run_is_no_part_of_the_event_for_it_stands_in_that_run() -> None:
    (usage,) = in_run("a", used(100))

    assert "run" not in usage.to_metadata()
    assert Usage.from_metadata(usage.to_metadata()) == usage == used(100)


def test_the_tag_says_the_same_as_the_value() -> None:
    tags = sized_by_usage(
        headroom=2, floor="1Gi", maximum="8Gi", runs=5, quantile=0.9, at_least=2, band=0, cpu=True
    )

    assert size_of_step(tags, None) == tags.strategy


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"headroom": 0.9}, "headroom: 0.9 must be 1 or more"),
        ({"headroom": "1.2"}, "headroom: must be a number, not '1.2'"),
        ({"headroom": float("nan")}, "headroom: must be a number, not nan"),
        ({"headroom": 10**400}, "headroom: must be 1000 or less"),
        ({"headroom": 10**5000}, "headroom: must be 1000 or less"),
        ({"headroom": 1001}, "headroom: 1001 must be 1000 or less"),
        ({"band": 10**400}, "band: must be 1000 or less"),
        ({"band": -(10**5000)}, "band: must be 0 or more"),
        ({"quantile": 10**400}, "quantile: must be above 0, up to 1"),
        ({"quantile": 0}, "quantile: 0 must be above 0, up to 1"),
        ({"quantile": 95}, "quantile: 95 must be above 0, up to 1"),
        ({"band": -1}, "band: -1 must be 0 or more"),
        ({"runs": 0}, "runs: 0 is below 1"),
        ({"runs": 2.5}, "runs: must be a whole number, not 2.5"),
        ({"runs": 2}, "at_least: 3 is above runs=2"),
        ({"at_least": True}, "at_least: must be a whole number, not True"),
        ({"cpu": "1"}, "cpu: must be True or False, not '1'"),
        ({"floor": "8Gi", "maximum": "4Gi"}, "floor: 8Gi is above maximum='4Gi'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_where_it_is_written(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        sized_by_usage(**given_)

    assert str(refused.value) == message


@pytest.mark.parametrize("amount", ["64GB", "64", "500m"])
def test_an_amount_of_memory_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(K8sConfigError, match=r"^maximum: "):
        sized_by_usage(maximum=amount)


@pytest.mark.parametrize(
    "absurd",
    [
        Usage(memory_peak_bytes=0),
        Usage(memory_peak_bytes=2**63 - 1, memory_limit_bytes=2**30),
        Usage(memory_limit_bytes=2**63 - 1, oom_killed=True),
        Usage(cpu_seconds=1e18, wall_seconds=1e-300),
        Usage(memory_peak_bytes=100 * MI, cpu_seconds=1e18, wall_seconds=1.0),
    ],
)
def test_a_measurement_that_no_node_can_give_decides_nothing(absurd: Usage) -> None:
    strategy, sane = ByUsage(cpu=True, at_least=1), cpu(1)

    assert strategy(facts(absurd, sane)).config == strategy(facts(sane)).config
    assert strategy(facts(sane, absurd, attempt=2)).config == strategy(facts(sane)).config
    assert strategy(facts(absurd)).config in {None, K8sConfig(resources=Resources(memory="115Mi"))}


AMOUNTS = st.integers(1, 2**40)
MEASURED = st.builds(
    Usage,
    attempt=st.integers(1, 3),
    memory_peak_bytes=AMOUNTS,
    memory_limit_bytes=st.none() | AMOUNTS,
    oom_killed=st.booleans(),
)
USAGES = st.lists(MEASURED | st.just(Usage()) | st.just(Usage(oom_killed=True)), max_size=12)
FACTS = st.builds(
    StepFacts,
    step_key=st.just("load"),
    attempt=st.integers(1, 3),
    usage=USAGES,
    usage_of_other_partitions=USAGES,
)
HEADROOMS = st.floats(1, 5, allow_nan=False)


def strategies(**fields: Any) -> st.SearchStrategy[ByUsage]:
    default: dict[str, Any] = {
        "headroom": HEADROOMS,
        "runs": st.integers(3, 12),
        "quantile": st.sampled_from([0.1, 0.5, 0.95, 1.0]),
        "at_least": st.integers(1, 3),
        "band": st.floats(0, 1),
    }
    return st.builds(ByUsage, **{**default, **fields})


# How long an example takes depends on the machine.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(strategies(), st.lists(MEASURED, min_size=3, max_size=3))
def test_a_size_is_above_every_oom_of_the_runs_that_count(strategy: ByUsage, usages: list[Usage]) -> None:
    usages = [replace(usage, attempt=1) for usage in usages]

    size = (memory(strategy(facts(*usages))) or 0) * MI

    assert all(size * 4 >= (usage.memory_limit_bytes or 0) * 5 for usage in usages if usage.oom_killed)


@unhurried
@given(strategies(), FACTS, HEADROOMS)
def test_more_headroom_never_gives_less(strategy: ByUsage, known: StepFacts, more: float) -> None:
    low, high = sorted((strategy.headroom, more))

    less, much = (memory(replace(strategy, headroom=headroom)(known)) for headroom in (low, high))

    assert (less is None) == (much is None)
    assert (less or 0) <= (much or 0)


@unhurried
@given(strategies(), st.lists(MEASURED, min_size=3, max_size=12), st.integers(1, 2**40))
def test_the_same_use_in_pods_of_its_size_changes_nothing(
    strategy: ByUsage, usages: list[Usage], peak: int
) -> None:
    """Attempts that were killed stay in the history as they were."""
    newest = Usage(memory_peak_bytes=peak)
    usages = [newest, *(replace(usage, attempt=1) for usage in usages)]
    size = memory(strategy(facts(*usages)))
    assert size is not None
    again = [usage if usage.oom_killed else replace(usage, memory_limit_bytes=size * MI) for usage in usages]

    assert memory(strategy(facts(*again))) == size


@unhurried
@given(
    strategies(quantile=st.just(1.0), runs=st.just(12)),
    st.lists(MEASURED, min_size=3, max_size=11),
    st.floats(0, 1),
)
def test_one_more_run_of_its_size_is_given_the_same_again(
    strategy: ByUsage, usages: list[Usage], share: float
) -> None:
    """Whatever it uses, up to the most that is known."""
    usages = [replace(usage, attempt=1) for usage in usages]
    size = memory(strategy(facts(*usages)))
    assert size is not None
    most = max(usage.memory_needed_bytes or 1 for usage in usages)
    run = Usage(memory_peak_bytes=int(most * share), memory_limit_bytes=size * MI)

    assert memory(strategy(facts(run, *usages))) == size
