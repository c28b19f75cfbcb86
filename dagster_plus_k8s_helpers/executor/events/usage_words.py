"""What a step took, in the words that a user reads in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["usage_said"]

_LEAST_SHARE = 0.005
_KI, _MI, _GI = 2**10, 2**20, 2**30


def usage_said(step_key: str, usage: Usage) -> str:
    """What a step took, beside what it was given.

    Args:
        step_key: Of the step.
        usage: What is known of it.
    """
    lacked = ""
    if usage.oom_killed:
        limit = usage.memory_limit_bytes
        much = (
            f"than its {_exactly(limit)} of memory" if limit is not None else "memory than its node had left"
        )
        lacked = f" needed more {much}: the kernel killed it, or a process of it."
    parts = [part for part in (_memory(usage), _cpu(usage), _gpu(usage)) if part]
    if not parts:
        return f'Step "{step_key}"{lacked or " ended, and what it used is not known."}'
    used = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    seconds = f" in {usage.wall_seconds:.0f} s" if usage.wall_seconds is not None else ""
    return f'Step "{step_key}"{f"{lacked} It" if lacked else ""} used {used}{seconds}.'


def _memory(usage: Usage) -> str:
    peak, limit = usage.memory_peak_bytes, usage.memory_limit_bytes
    if peak is None:
        return ""
    return f"at most {_bytes(peak)} of {f'its {_exactly(limit)} of ' if limit is not None else ''}memory"


def _cpu(usage: Usage) -> str:
    if usage.cpu_cores is None:
        return ""
    of = f"of {_cores(usage.cpu_limit_cores)} " if usage.cpu_limit_cores is not None else ""
    share = usage.cpu_throttled_share or 0.0
    held = f" (held back in {share:.0%} of its periods)" if share >= _LEAST_SHARE else ""
    return f"{_cores(usage.cpu_cores)} {of}cores on average{held}"


def _gpu(usage: Usage) -> str:
    peak = usage.gpu_memory_peak_bytes
    return f"{_bytes(peak)} of GPU memory" if peak is not None else ""


def _bytes(amount: int) -> str:
    """As Kubernetes writes it, with as many digits as one reads."""
    unit, name = (_GI, "Gi") if amount >= _GI else (_MI, "Mi") if amount >= _MI else (_KI, "Ki")
    digits = 1 if amount < 10 * unit else 0
    return f"{round(amount / unit, digits):g}{name}"


def _exactly(amount: int) -> str:
    """What somebody has written in such units; what nobody has, as `_bytes`."""
    for unit, name in ((_GI, "Gi"), (_MI, "Mi"), (_KI, "Ki")):
        if amount and amount % unit == 0:
            return f"{amount // unit}{name}"
    return _bytes(amount)


def _cores(amount: float) -> str:
    return f"{amount:.2g}" if amount < 10 else f"{amount:.0f}"
