"""Resources: what is accepted, what is refused when the object is made, and in which words."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest

from dagster_plus_k8s_helpers import K8sConfigError, Quantity, Resources, UnknownFieldError


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(cpu="500m", memory="2Gi"), {"limits": {"cpu": "500m", "memory": "2Gi"}}),
        (Resources(cpu=("2", "4")), {"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}),
        (Resources(cpu=(None, 4)), {"limits": {"cpu": "4"}}),
        (Resources(cpu=(2, None)), {"requests": {"cpu": "2"}}),
        (Resources(cpu=(0, 1)), {"requests": {"cpu": "0"}, "limits": {"cpu": "1"}}),
        (Resources(cpu=0.5), {"limits": {"cpu": "0.5"}}),
        (Resources(cpu=Decimal("1.5")), {"limits": {"cpu": "1.5"}}),
        (Resources(memory=Quantity("1Gi")), {"limits": {"memory": "1Gi"}}),
        (Resources(gpu=1), {"limits": {"nvidia.com/gpu": "1"}}),
        (Resources(gpu=(1, 1)), {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}),
        (Resources(ephemeral_storage="10Gi"), {"limits": {"ephemeral-storage": "10Gi"}}),
        (Resources(extended={"amd.com/gpu": 2}), {"limits": {"amd.com/gpu": "2"}}),
        (Resources(extended={"hugepages-2Mi": "64Mi"}), {"limits": {"hugepages-2Mi": "64Mi"}}),
        (Resources(memory="1.3Gi"), {"limits": {"memory": "1.3Gi"}}),
        (Resources(cpu=448), {"limits": {"cpu": "448"}}),
        (Resources(cpu="500000m"), {"limits": {"cpu": "500000m"}}),
        (Resources(cpu=Quantity(500)), {"limits": {"cpu": "500000m"}}),
        (Resources(cpu="0.4k"), {"limits": {"cpu": "0.4k"}}),
        # Kubernetes rounds up to a thousandth.
        (Resources(cpu=0.3333), {"limits": {"cpu": "0.3333"}}),
        (Resources(cpu="500u"), {"limits": {"cpu": "500u"}}),
        # Of Kubernetes' own page on memory.
        (Resources(memory="128974848000m"), {"limits": {"memory": "128974848000m"}}),
        (Resources(memory=("1Mi", "1Gi")), {"requests": {"memory": "1Mi"}, "limits": {"memory": "1Gi"}}),
        # No limit, and no device: what takes away what a lower layer says.
        (Resources(cpu=0, memory="0", gpu=0), {"limits": {"cpu": "0", "memory": "0", "nvidia.com/gpu": "0"}}),
        # Koordinator's, which is Kubernetes' own to the API server: it may be requested in part.
        (
            Resources(extended={"kubernetes.io/batch-cpu": (500, 1000)}),
            {"requests": {"kubernetes.io/batch-cpu": "500"}, "limits": {"kubernetes.io/batch-cpu": "1000"}},
        ),
        (Resources(), {}),
    ],
)
def test_kubernetes_form_and_back(resources: Resources, expected: dict[str, dict[str, str]]) -> None:
    assert resources.to_dict() == expected
    assert Resources.from_dict(expected) == resources
    assert eval(repr(resources)) == resources
    assert pickle.loads(pickle.dumps(resources)) == copy.deepcopy(resources) == resources
    assert hash(Resources.from_dict(expected)) == hash(resources)
    assert bool(resources) == bool(expected)


def test_every_amount_can_be_read_back() -> None:
    resources = Resources(cpu=(1, 2), memory="1Gi", gpu=1, ephemeral_storage="5Gi", extended={"a.b/c": 3})

    assert resources.cpu == (Quantity(1), Quantity(2))
    assert resources.memory == (None, Quantity("1Gi"))
    assert resources.gpu == (None, Quantity(1))
    assert resources.ephemeral_storage == (None, Quantity("5Gi"))
    assert resources.extended == {"a.b/c": (None, Quantity(3))}
    assert resources.requests == {"cpu": Quantity(1)}
    assert resources.limits["cpu"] == Quantity(2)
    assert Resources().cpu is None


def test_equality_is_that_of_the_amounts() -> None:
    assert Resources(cpu=1, memory="1Gi") == Resources(memory="1024Mi", cpu="1000m")
    assert Resources(cpu=1) != Resources(cpu=(1, 1))
    assert Resources(cpu=1) != 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cpu": "500Mi"}, "cpu: 500Mi of CPU is 524,288,000 cores; did you mean '500m'?"),
        ({"cpu": "2G"}, "cpu: 2G of CPU is 2,000,000,000 cores; write cores or thousandths of them"),
        ({"cpu": "500mi"}, "cpu: '500mi' is not a Kubernetes quantity; write '500m'"),
        ({"cpu": ("0.5mib", 1)}, "cpu: '0.5mib' is not a Kubernetes quantity; write '0.5m'"),
        ({"cpu": "x1mi"}, "cpu: 'x1mi' is not a Kubernetes quantity; write a number"),
        ({"memory": "4GB"}, "memory: '4GB' is not a Kubernetes quantity; write '4Gi' or '4G'"),
        (
            {"memory": "512m"},
            "memory: 512m is 0.512 bytes (m is a thousandth), less than the 4Mi any container needs; "
            "did you mean '512Mi'?",
        ),
        (
            {"memory": "2048"},
            "memory: 2048 is 2048 bytes, less than the 4Mi any container needs; did you mean '2048Mi'?",
        ),
        ({"memory": 512}, "did you mean '512Mi'?"),
        ({"memory": 8}, "memory: 8 is 8 bytes, less than the 4Mi any container needs; did you mean '8Gi'?"),
        ({"memory": ("1", "1Gi")}, "memory: 1 is 1 byte,"),
        ({"memory": ("64m", "1Gi")}, "did you mean '64Mi'?"),
        (
            {"cpu": "500"},
            "cpu: 500 is 500 cores, which hardly any node has; where that is meant, it is '500000m'; "
            "did you mean '500m'?",
        ),
        ({"cpu": 1000}, "did you mean '1000m'?"),
        ({"cpu": "448.5"}, "where that is meant, it is '448500m'; did you mean '448.5m'?"),
        ({"cpu": ("2000", "4000")}, "cpu: 2000 is 2,000 cores"),
        ({"extended": {"requests.a.b/c": 1}}, "is what a ResourceQuota calls it; write 'a.b/c'"),
        ({"memory": "2M"}, "did you mean '2Gi'?"),
        ({"memory": "0.5M"}, "did you mean '0.5Gi'?"),
        ({"memory": "64k"}, "did you mean '64Mi'?"),
        ({"memory": "64Ki"}, "did you mean '64Mi'?"),
        (
            {"memory": "1048577"},
            "1048577 is 1048577 bytes, less than the 4Mi any container needs; write the number with a unit",
        ),
        (
            {"memory": "0.1Ki"},
            "0.1Ki is 102.4 bytes, less than the 4Mi any container needs; did you mean '0.1Gi'?",
        ),
        ({"ephemeral_storage": "10"}, "ephemeral_storage: 10 is 10 bytes; did you mean '10Gi'?"),
        (
            {"memory": ("4Gi", "2Gi")},
            "memory: the request 4Gi is above the limit 2Gi; did you mean ('2Gi', '4Gi')?",
        ),
        ({"cpu": (None, None)}, "cpu: (None, None) says nothing; leave it out"),
        ({"cpu": (1, 2, 3)}, "cpu: (1, 2, 3) has 3 parts; write one amount or (request, limit)"),
        ({"cpu": True}, "cpu: True is not a quantity"),
        (
            {"ephemeral_storage": "10m"},
            "ephemeral_storage: 10m is 0.01 bytes (m is a thousandth); did you mean",
        ),
        ({"gpu": 0.5}, "gpu: 0.5 is not whole, and Kubernetes gives out whole devices only; write 1"),
        ({"gpu": "500m"}, "gpu: 500m is not whole"),
        (
            {"gpu": (1, 2)},
            "gpu: Kubernetes does not share out nvidia.com/gpu: the request must equal the limit; write 2",
        ),
        ({"gpu": (1, None)}, "the request must equal the limit; write 1"),
        ({"extended": {"gpu": 1}}, "extended: 'gpu' is not an extended resource; write gpu=..."),
        ({"extended": {"cpu": 1}}, "extended: 'cpu' is not an extended resource; write cpu=..."),
        (
            {"extended": {"tpu": 1}},
            "extended: 'tpu' has no domain; write the name the device plugin gives it",
        ),
        ({"extended": {"hugepages-2MB": 1}}, "extended: 'hugepages-2MB': '2MB' is not a Kubernetes quantity"),
        ({"extended": {"A_B/c": 1}}, "the part before '/' must be a DNS name"),
        ({"extended": {"a.b/c": 1.5}}, "extended['a.b/c']: 1.5 is not whole"),
        ({"extended": {"nvidia.com/gpu": 1}, "gpu": 1}, "extended: 'nvidia.com/gpu' is given twice"),
        ({"extended": [("a.b/c", 1)]}, "extended: must map resource names to amounts"),
    ],
)
def test_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        Resources(**arguments)  # type: ignore[arg-type] # what users write in spite of the types

    assert message in str(refusal.value)


def test_the_nvidia_gpu_by_its_full_name_is_the_gpu() -> None:
    assert Resources.from_dict({"limits": {"nvidia.com/gpu": 1}}) == Resources(gpu=1)


def test_another_key_than_requests_and_limits_is_refused() -> None:
    with pytest.raises(UnknownFieldError, match="no field 'limit'; did you mean 'limits'"):
        Resources.from_dict({"limit": {"cpu": 1}})


def test_scaled_gives_a_new_one() -> None:
    small = Resources(cpu=("500m", 1), memory=("1Gi", "2Gi"), gpu=1)

    large = small.scaled(memory=2, cpu=1.5)

    assert large == Resources(cpu=("750m", "1500m"), memory=("2Gi", "4Gi"), gpu=1)
    assert small == Resources(cpu=("500m", 1), memory=("1Gi", "2Gi"), gpu=1)
    assert large.to_dict()["limits"]["memory"] == "4Gi"


def test_scaling_rounds_up_to_a_whole_byte_and_a_thousandth_of_a_cpu() -> None:
    assert Resources(memory="5000001").scaled(memory=1.5) == Resources(memory="7500002")
    assert Resources(cpu="1m").scaled(cpu=1.5) == Resources(cpu="2m")


def test_scaling_what_is_not_set_is_refused() -> None:
    with pytest.raises(K8sConfigError, match="memory: there is no memory to scale in Resources"):
        Resources(cpu=1).scaled(memory=2)


def test_scaling_down_to_nothing_is_refused() -> None:
    with pytest.raises(K8sConfigError, match="less than the 4Mi"):
        Resources(memory="8Mi").scaled(memory=0.1)
