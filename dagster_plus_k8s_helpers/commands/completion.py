"""``dagster-plus-k8s completion``: what a shell reads to complete commands, options and values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dagster_plus_k8s_helpers.commands.frame import PROGRAM, examples
from dagster_plus_k8s_helpers.terminal import write

__all__ = ["completion"]

_VARIABLE = "_DAGSTER_PLUS_K8S_COMPLETE"


@click.command(
    epilog=examples(
        "# for this user, in bash, zsh and fish",
        "completion bash > dagster-plus-k8s.bash",
        "completion zsh > _dagster-plus-k8s",
        "completion fish > dagster-plus-k8s.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what SHELL reads to complete commands, options, files and codes of findings.

    \b
    bash: write it to ~/.local/share/bash-completion/completions/dagster-plus-k8s
    zsh:  write it to a folder of $fpath as _dagster-plus-k8s
    fish: write it to ~/.config/fish/completions/dagster-plus-k8s.fish
    """  # noqa: D301 - click wants the character itself
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    made = kind(click.get_current_context().find_root().command, {}, PROGRAM, _VARIABLE)
    # Not source(): that looks for a bash, and the shell may be on another machine.
    write(f"{(made.source_template % made.source_vars()).strip()}\n")
