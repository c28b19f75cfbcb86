"""The public types of the executor, held by the type checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

import dagster as dg

from dagster_plus_k8s_helpers import Diagnosis, DiagnosisKind, MemoryLadder, diagnose, k8s_executor

found = diagnose({"kind": "Job"}, [{"kind": "Pod"}], [])
assert_type(found, Diagnosis | None)
if found is not None:
    assert_type(found.kind, DiagnosisKind)
    assert_type(found.details, Mapping[str, str | int])
    assert_type(found.retryable, bool)
    assert_type(found.is_disruption, bool)

ladder = MemoryLadder(factor=1.5, maximum="32Gi", retries=2, learn=True)
assert_type(ladder.tags, dict[str, str])
assert_type(MemoryLadder.from_dict(ladder.to_dict()), MemoryLadder)
assert_type(k8s_executor(memory_ladder=ladder, start_timeout=None), dg.ExecutorDefinition)
assert_type(k8s_executor(record_usage="asset"), dg.ExecutorDefinition)
assert_type(k8s_executor(in_run_pod=[dg.AssetKey("a"), "b"], run_pod_concurrency=2), dg.ExecutorDefinition)
k8s_executor(in_run_pod=5)  # type: ignore[arg-type]
k8s_executor(record_usage="op")  # type: ignore[arg-type]
