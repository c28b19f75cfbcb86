"""``dagster-plus-k8s explain-code``: what a finding means, why it is one, and how it is waived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import examples
from dagster_plus_k8s_helpers.errors import did_you_mean
from dagster_plus_k8s_helpers.findings.pages import read_on
from dagster_plus_k8s_helpers.terminal import json_text, write

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.findings.finding import Rule

__all__ = ["explain_code"]


def _completed(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES

    return [
        CompletionItem(rule.code, help=rule.reason)
        for rule in ALL_RULES
        if rule.code.startswith(begun.upper())
    ]


@click.command(epilog=examples("explain-code DPK101", "explain-code", "explain-code -o json"))
@click.argument("codes", metavar="[CODE]...", nargs=-1, shell_complete=_completed)
@output_option("text", "json")
def explain_code(codes: tuple[str, ...], form: str) -> None:
    """Say what each CODE of a finding means, why it is one, what to do, and how to waive it.

    Without a CODE every one is listed. Exit code 2 when there is no such code.
    """
    from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES

    by_code = {rule.code: rule for rule in ALL_RULES}
    rules = [_rule(code, by_code) for code in codes]
    if form == "json":
        write(json_text([_as_json(rule) for rule in rules or ALL_RULES]))
        return
    text = "\n".join(_in_full(rule, in_python=rule.is_of_definitions) for rule in rules)
    write(text or "".join(map(_listed, ALL_RULES)))


def _rule(code: str, by_code: dict[str, Rule]) -> Rule:
    rule = by_code.get(code.strip().upper())
    if rule is None:
        advice = did_you_mean(code.upper(), by_code) or "; without a code all are listed"
        raise click.UsageError(f"there is no finding {code!r}{advice}")
    return rule


def _as_json(rule: Rule) -> dict[str, str]:
    return {
        "code": rule.code,
        "severity": rule.severity.value,
        "reason": rule.reason,
        "fix": rule.fix,
        "waiver": _waiver(rule.code, in_python=rule.is_of_definitions),
        "docs": read_on(rule.code),
    }


def _listed(rule: Rule) -> str:
    return f"{rule.code} {rule.severity:<8}{rule.reason}\n"


def _in_full(rule: Rule, *, in_python: bool) -> str:
    return (
        f"{rule.code}, {_A[rule.severity]}\n"
        f"  {rule.reason}\n"
        f"  What to do: {rule.fix}.\n"
        f"  Where it is meant to be so: {_waiver(rule.code, in_python=in_python)}\n"
        f"  Read on: {read_on(rule.code)}\n"
    )


_A = {"error": "an error", "warning": "a warning", "notice": "a notice"}


def _waiver(code: str, *, in_python: bool) -> str:
    comment = f"# dagster-plus-k8s: ignore[{code}] the reason"
    if not in_python:
        return f"end its line with {comment}"
    return (
        f"write {comment}\n"
        "    at the line of the file it is found in, or at the decorator of the asset, check or op;\n"
        "    or at an asset, a job or the Definitions\n"
        f'    metadata={{"dagster-plus-k8s/ignore": {{"{code}": "the reason"}}}}'
    )
