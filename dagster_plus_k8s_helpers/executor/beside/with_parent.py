"""Becomes the command that it is given, to end when the process that started it does.

Run by its path, in an interpreter that loads nothing else: between a fork and what follows, a run worker with
threads may not do this itself.

Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html,
    https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "1000"


def main(parent: int, command: list[str]) -> None:
    """Become the command.

    Args:
        parent: The process that starts it.
        command: What to become.
    """
    if sys.platform == "linux":
        try:
            import ctypes  # noqa: PLC0415 - it may not be there

            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            # When memory runs out, the kernel is to take a step, and not the run worker with all of them.
            with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib is an import more
                file.write(_FIRST_TO_GO)
        # A step runs as well without.
        except (ImportError, AttributeError, OSError):
            pass
    # It may have ended before it was asked for.
    if os.getppid() == parent:
        os.execvp(command[0], command)  # noqa: S606 - it is the step, and no shell's to look at


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
