"""Where :func:`redact_secrets` takes hold: logging's record factory, Dagster's events, the two streams.

Dagster has no hook for its events, nor for tags. Every event is a ``DagsterEvent``, in the process that
makes it and in the one that it is reported to, so its constructor is the one place to stand at; a test on
a real run holds it there.
"""

from __future__ import annotations

import json
import logging
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, TextIO

import dagster as dg

from dagster_plus_k8s_helpers._dagster import DagsterEvent, deserialize_value, serialize_value
from dagster_plus_k8s_helpers.secrets.value import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["MaskingStream", "install"]

_installed = False

# Free text in the serialised form of Dagster's events. Everything else (step keys, asset keys, output
# names, tags) is what Dagster finds its way by, and a secret "orders" must not take that away.
_TEXT_KEYS = frozenset({"message", "description", "text", "md_str", "url", "path"})
_TREE_KEYS = frozenset({"stack", "data", "records"})
# Whose "label" is free text: the name of an expectation, and the key of a metadata entry.
_LABELLED = frozenset({"ExpectationResult", "EventMetadataEntry"})
_TAGGED = frozenset({"AssetMaterialization", "AssetObservation"})
# Keys of tags and metadata that Dagster reads itself.
_DAGSTERS = "dagster/"
# Dagster refuses a tag with an asterisk in it.
_MASK_OF_TAGS = "masked"


def install(mask: Callable[[str], str]) -> None:
    """Mask records and events from now on, and the streams that ``sys`` holds now; one thread at a time."""
    global _installed  # noqa: PLW0603  (once a process is what it means)
    if not _installed:
        _mask_log_records(mask)
        _mask_dagster_events(mask)
        _mask_run_tags(mask)
        _installed = True
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, MaskingStream):
            setattr(sys, name, MaskingStream(stream, mask))


class MaskingStream:
    """A text stream that masks what is written to it; everything else is the stream's own."""

    def __init__(self, stream: TextIO, mask: Callable[[str], str]) -> None:
        self._stream = stream
        self._mask = mask

    def write(self, text: str) -> int:
        """Write the masked text; returns the length of the text given, as callers check it."""
        self._stream.write(self._mask(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write masked lines."""
        self._stream.writelines(self._mask(line) for line in lines)

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _mask_log_records(mask: Callable[[str], str]) -> None:
    make = logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def make_masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        message = _message(record)
        if message is not None and mask(message) != message:
            record.msg = mask(message)
            record.args = ()
        if record.exc_info and record.exc_info[0] is not None:
            trace = formatter.formatException(record.exc_info)
            if mask(trace) != trace:
                # Formatters print exc_text when it is there; the exception itself would tell again.
                record.exc_text = mask(trace)
                record.exc_info = None
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return record

    logging.setLogRecordFactory(make_masked)


def _message(record: logging.LogRecord) -> str | None:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  (arguments that do not fit the format: logging reports that itself)
        return None


def _mask_dagster_events(mask: Callable[[str], str]) -> None:
    make = DagsterEvent.__new__

    @wraps(make)
    def make_masked(cls: type[DagsterEvent], *args: Any, **kwargs: Any) -> DagsterEvent:
        event: DagsterEvent = make(cls, *args, **kwargs)
        message = event.message
        masked = None if message is None else mask(message)
        data = _masked_data(event.event_specific_data, mask)
        if masked == message and data is event.event_specific_data:
            return event
        return event._replace(message=masked, event_specific_data=data)

    DagsterEvent.__new__ = make_masked  # type: ignore[method-assign]  # see the module's first lines


def _mask_run_tags(mask: Callable[[str], str]) -> None:
    """Tags that a step adds to its run are no event: they go to the run storage through this method."""
    add = dg.DagsterInstance.add_run_tags

    @wraps(add)
    def add_masked(self: dg.DagsterInstance, run_id: str, new_tags: Mapping[str, str]) -> None:
        add(self, run_id, _masked_tags(new_tags, mask))

    dg.DagsterInstance.add_run_tags = add_masked  # type: ignore[method-assign, assignment]  # see the module's first lines


def _masked_tags(tags: Mapping[str, str], mask: Callable[[str], str]) -> dict[str, str]:
    def masked(text: str) -> str:
        return mask(text).replace(MASK, _MASK_OF_TAGS)

    own = {key: value for key, value in tags.items() if key.startswith(_DAGSTERS)}
    return {**{masked(key): masked(value) for key, value in tags.items() if key not in own}, **own}


def _masked_data(data: Any, mask: Callable[[str], str]) -> Any:
    if data is None:
        return None
    # Into each text, not the JSON as a whole: there a backslash of a value is written twice.
    tree = json.loads(serialize_value(data))
    masked = _masked_tree(tree, mask)
    return data if masked == tree else deserialize_value(json.dumps(masked))


def _masked_tree(node: Any, mask: Callable[[str], str], *, inside: bool = False) -> Any:
    if isinstance(node, str):
        return mask(node) if inside else node
    if isinstance(node, list):
        return [_masked_tree(item, mask, inside=inside) for item in node]
    if isinstance(node, dict):
        kind = node.get("__class__")
        return {
            mask(key) if inside and kind is None else key: _masked_entry(
                kind, key, value, mask, inside=inside
            )
            for key, value in node.items()
        }
    return node


def _masked_entry(kind: object, key: str, value: Any, mask: Callable[[str], str], *, inside: bool) -> Any:
    if kind in _TAGGED and key == "tags" and isinstance(value, dict):
        return _masked_tags(value, mask)
    if kind in _LABELLED and key == "label" and isinstance(value, str):
        return value if value.startswith(_DAGSTERS) else mask(value)
    if key.startswith("__"):
        return _masked_tree(value, mask) if not isinstance(value, str) else value
    if key in _TEXT_KEYS and isinstance(value, str):
        return mask(value)
    return _masked_tree(value, mask, inside=inside or key in _TREE_KEYS)
