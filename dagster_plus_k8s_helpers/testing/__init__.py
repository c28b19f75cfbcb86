"""Helpers for the tests of your own project."""

from dagster_plus_k8s_helpers.testing.fake_secrets import FakeSecrets
from dagster_plus_k8s_helpers.testing.pods import assert_fits, assert_matches_snapshot, assert_no_findings

__all__ = ["FakeSecrets", "assert_fits", "assert_matches_snapshot", "assert_no_findings"]
