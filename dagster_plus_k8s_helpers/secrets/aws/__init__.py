"""AWS Secrets Manager."""

from __future__ import annotations

from dagster_plus_k8s_helpers.secrets.aws.resource import AwsSecrets

__all__ = ["AwsSecrets"]
