"""What ``agent diff`` and ``location diff`` have in common: how a comparison is written, and how it ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.findings.finding import Severity
from dagster_plus_k8s_helpers.terminal import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.comparing.report import Report

__all__ = ["print_diff"]

_FOUND = 1


def print_diff(compare: Callable[[], Report], form: str) -> None:
    """Writes down what is different, and ends with 1 if that brings an error.

    Raises:
        CannotAnswerError: The files cannot be compared.
    """
    from dagster_plus_k8s_helpers.comparing.forms import written

    try:
        report = compare()
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    write(written(report, form, os.environ))
    if any(finding.severity is Severity.ERROR for finding in report.found or ()):
        raise click.exceptions.Exit(_FOUND)
