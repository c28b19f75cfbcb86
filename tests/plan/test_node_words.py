"""What decides on which nodes a pod may run, in the words of ``kubectl describe``."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from checked import config, definitions
from rich.console import Console

from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.show.node_words import node_words
from dagster_plus_k8s_helpers.plan.show.table import plan_table

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def term(*requirements: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "matchExpressions": [{"key": key, "operator": op, "values": said} for key, op, said in requirements]
    }


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        ({}, []),
        ({"nodeName": "n1"}, ["node n1"]),
        ({"nodeSelector": {"disk": "ssd"}}, ["disk=ssd"]),
        (
            {
                "affinity": {
                    "nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term(("pool", "In", ["a", "b"]))]}}
                }
            },
            ["pool in [a, b]"],
        ),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        REQUIRED: {
                            "nodeSelectorTerms": [
                                term(("pool", "In", ["a"]), ("gpu", "DoesNotExist", [])),
                                {
                                    "matchFields": [
                                        {"key": "metadata.name", "operator": "In", "values": ["n1"]}
                                    ]
                                },
                            ]
                        },
                        PREFERRED: [{"weight": 5, "preference": term(("zone", "In", ["z"]))}],
                    }
                }
            },
            ["pool in [a], gpu doesnotexist or metadata.name in [n1]", "prefers zone in [z] (weight 5)"],
        ),
        (
            {
                "affinity": {
                    "podAntiAffinity": {
                        REQUIRED: [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "x"}}}]
                    }
                }
            },
            ["apart from pods app=x by zone"],
        ),
        (
            {
                "tolerations": [
                    {"key": "pool", "operator": "Equal", "value": "a", "effect": "NoSchedule"},
                    {"key": "pool", "value": "b"},
                    {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                    {"operator": "Exists"},
                ]
            },
            [
                "tolerates pool=a:NoSchedule",
                "tolerates pool=b",
                "tolerates gpu:NoExecute op=Exists for 300s",
                "tolerates op=Exists",
            ],
        ),
        (
            {
                "topologySpreadConstraints": [
                    {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"},
                    {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
                ]
            },
            ["spread over zone, max skew 1"],
        ),
    ],
)
def test_said_as_kubectl_says_it(spec: dict[str, Any], lines: list[str]) -> None:
    assert [word.line for word in node_words(spec)] == lines


def test_the_table_shows_brackets_as_they_are() -> None:
    affinity = {"node_affinity": {REQUIRED: {"node_selector_terms": [term(("pool", "In", ["a", "b"]))]}}}
    console = Console(width=120, record=True, file=StringIO())

    console.print(plan_table(plan(definitions(config(pod_spec_config={"affinity": affinity})))))

    assert "pool in [a, b]" in console.export_text()
