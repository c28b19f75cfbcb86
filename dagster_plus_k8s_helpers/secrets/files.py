"""Secrets as files: a directory as Kubernetes mounts a Secret, a field a file."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from dagster_plus_k8s_helpers.secrets.errors import (
    SecretAccessDenied,
    SecretNotFound,
    SecretRefError,
    SecretsBackendUnavailable,
    SecretsConfigError,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret, no_versions
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.resource import SecretsResource, known
from dagster_plus_k8s_helpers.secrets.value import SecretValue

__all__ = ["FileSecrets"]

# What the API server takes for a whole Secret; a larger file is not one.
_MAX_BYTES = 1024 * 1024
# A projected volume changes about once a minute; twice within one read is already unheard of.
_ATTEMPTS = 5


class FileSecrets(SecretsResource):
    """Files that Kubernetes mounts from Secrets, read anew at each call, so a rotation counts at once.

    ``warehouse#password`` is the file ``DIRECTORY/warehouse/password``, byte for byte: a line break at
    its end belongs to the value. A secret without a field may be a single file. Fields that are read in
    one call belong together, also while the kubelet swaps the volume's content (its ``..data`` link).
    A link that leads out of the directory is refused.
    """

    ADVICE = dict.fromkeys(("path", "root", "dir", "folder", "mount_path"), "write directory=...")

    directory: str = Field(description="Where the Secrets are mounted, one directory each.")

    @property
    def backend(self) -> str:
        return f"files under {self.directory}"

    def check_settings(self) -> None:
        directory = known(self.directory)
        if directory is not None and not Path(directory).is_absolute():
            raise SecretsConfigError(
                f"directory={directory!r} is not absolute", check="Write the volume's mountPath"
            )

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        problem = _problem_of(self.directory)
        if problem:
            raise SecretsConfigError(problem, check="Is the volume mounted there?", backend=self.backend)
        return {ref: self._answer(ref) for ref in refs}

    def _answer(self, ref: SecretRef) -> FetchedSecret | SecretsError:
        refusal = no_versions(ref, self.backend)
        if refusal is not None:
            return refusal
        # Names that begin with two dots are the kubelet's own, such as ..data.
        if any(part in {".", ""} or part.startswith("..") for part in ref.name.split("/")):
            return SecretRefError(
                "the name is a path below the directory, without '.', a part that begins with '..', or a '/' "
                "at an end",
                backend=self.backend,
                ref=str(ref),
            )
        path = Path(self.directory, ref.name)
        if not _is_below(path, self.directory):
            return self._elsewhere(path, ref)
        try:
            if path.is_dir():
                return self._directory(path, ref)
            whole = SecretValue(_content(path), source=self.backend)
            return FetchedSecret(source=self.backend, whole=whole)
        except OSError as failure:
            return self._failure(failure, ref, exists=os.path.lexists(path))

    def _directory(self, path: Path, ref: SecretRef) -> FetchedSecret | SecretsError:
        contents = _files(path, self.directory)
        if not contents:
            return SecretNotFound(
                "its directory is empty",
                check="Kubernetes mounts an optional Secret so that does not exist",
                backend=self.backend,
                ref=str(ref),
            )
        return FetchedSecret(
            source=self.backend,
            fields={
                name: SecretValue(content, source=self.backend)
                for name, content in contents.items()
                if isinstance(content, bytes)
            },
            unreadable={
                name: self._failure(content, ref, exists=True)
                if isinstance(content, OSError)
                else self._elsewhere(content, ref)
                for name, content in contents.items()
                if isinstance(content, (OSError, Path))
            },
        )

    def _elsewhere(self, path: Path, ref: SecretRef) -> SecretAccessDenied:
        return SecretAccessDenied(
            f"{path} is a link to a place outside the directory, {os.path.realpath(path)}",
            check="Mount the Secret below the directory, or make a FileSecrets for that place",
            backend=self.backend,
            ref=str(ref),
        )

    def _failure(self, failure: OSError, ref: SecretRef, *, exists: bool) -> SecretsError:
        kind: type[SecretsError] = SecretsBackendUnavailable
        what, check = f"it cannot be read ({failure.strerror or failure})", ""
        if failure.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG) and not exists:
            kind, what = SecretNotFound, "there is no such file or directory"
            check = "Is the Secret mounted, and under this name?"
        elif failure.errno in (errno.EACCES, errno.EPERM):
            kind, what = SecretAccessDenied, "this process may not read it"
            check = "See the volume's defaultMode and the pod's runAsUser and fsGroup"
        return kind(what, check=check, backend=self.backend, ref=str(ref))


def _problem_of(directory: str) -> str:
    try:
        mode = Path(directory).stat().st_mode
    except OSError as failure:
        return f"the directory cannot be read ({failure.strerror})"
    return "" if stat.S_ISDIR(mode) else "it is not a directory"


def _is_below(path: Path, top: str) -> bool:
    """Whether a path is below a directory once links are followed, as the kubelet's ``..data`` is."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(top))


def _files(directory: Path, top: str) -> dict[str, bytes | OSError | Path]:
    """What each file holds, or why it cannot be read, or itself when it is a link out of ``top``.

    One bad file takes none of the others away.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            contents = _files_now(directory, top)
        except FileNotFoundError:
            continue
        if not any(isinstance(content, FileNotFoundError) for content in contents.values()):
            return contents
        # Else the kubelet has swapped the content in the middle: read the new one.
    return _files_now(directory, top)


def _files_now(directory: Path, top: str) -> dict[str, bytes | OSError | Path]:
    # Kubernetes keeps the files in a dated directory and swaps the link ..data to it in one step.
    # Following that link once is what keeps the fields of one call together.
    data = directory / "..data"
    root = Path(os.path.realpath(data)) if data.exists() else directory
    return {
        entry.name: _content_or_failure(entry) if _is_below(entry, top) else entry
        for entry in sorted(root.iterdir())
        if not entry.name.startswith("..") and not entry.is_dir()
    }


def _content_or_failure(path: Path) -> bytes | OSError:
    try:
        return _content(path)
    except OSError as failure:
        return failure


def _content(path: Path) -> bytes:
    with open(path, "rb", opener=_open_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {_MAX_BYTES} bytes, the most that a Kubernetes Secret holds")
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    # A named pipe would otherwise block until somebody writes to it. Windows has neither.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
