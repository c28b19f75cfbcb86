"""What decides sizes in the tests, as a user would write it: named in tags as ``sizes:NAME``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers import K8sConfig, Resources
from dagster_plus_k8s_helpers.sizing.strategy import Sized

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.sizing.facts import StepFacts

BIG = K8sConfig(resources=Resources(memory="8Gi"))
MID = K8sConfig(resources=Resources(memory="4Gi"))
SMALL = K8sConfig(resources=Resources(memory="1Gi"))
NUMBER = 3


def by_partition(facts: StepFacts) -> K8sConfig | None:
    return BIG if facts.partition_key == "us" else None


def broken(facts: StepFacts) -> K8sConfig:
    raise KeyError(facts.step_key)


def cancelled(_facts: StepFacts) -> K8sConfig:
    raise asyncio.CancelledError


def interrupting(_facts: StepFacts) -> K8sConfig:
    raise KeyboardInterrupt


def leaving(_facts: StepFacts) -> K8sConfig:
    sys.exit(1)


def with_arguments(_facts: StepFacts) -> K8sConfig:
    return K8sConfig(container_config={"args": ["a"]})


def by_dictionary(_facts: StepFacts) -> K8sConfig:
    return {"memory": "1Gi"}  # type: ignore[return-value] # the mistake


def wrong_amount(_facts: StepFacts) -> K8sConfig:
    return K8sConfig(resources=Resources(memory="4GB"))


@dataclass(frozen=True)
class PerAttempt:
    """A strategy is one small class."""

    memory: int

    def __call__(self, facts: StepFacts) -> Sized:
        amount = f"{self.memory * facts.attempt}Mi"
        return Sized(K8sConfig(resources=Resources(memory=amount)), f"attempt {facts.attempt}")


PER_ATTEMPT = PerAttempt(100)


async def asynchronous(facts: StepFacts) -> K8sConfig | None:
    return None


def two_arguments(facts: StepFacts, other: int) -> K8sConfig | None:
    return None


class Methods:
    def size(self, facts: StepFacts) -> K8sConfig | None:
        return None

    @staticmethod
    def of_class(facts: StepFacts) -> K8sConfig | None:
        return None
