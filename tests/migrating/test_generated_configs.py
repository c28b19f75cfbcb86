"""Any config, written by hand in any style, is rewritten to one that gives the same tags."""

from __future__ import annotations

import json
import re
from pprint import pformat
from typing import TYPE_CHECKING, Any

from configs import EVERY_FIELD, configs
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers import K8sConfig
from dagster_plus_k8s_helpers.migrating.rewriting import rewritten
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.schema import to_camel_case

if TYPE_CHECKING:
    from collections.abc import Callable


def in_camel_case(config: dict[str, Any]) -> dict[str, Any]:
    return {
        name: to_camel_case(SECTIONS[name], section) if name in SECTIONS else section
        for name, section in config.items()
    }


def with_comments(text: str) -> str:
    return "".join(f"{line}  # note {number}\n" for number, line in enumerate(text.splitlines()))


SPELLINGS: list[Callable[[dict[str, Any]], dict[str, Any]]] = [dict, in_camel_case]
LAYOUTS: list[Callable[[dict[str, Any]], str]] = [
    repr,
    lambda config: pformat(config, width=60, sort_dicts=False),
    lambda config: with_comments(pformat(config, width=40, sort_dicts=False)),
    lambda config: re.sub(
        r": (true|false)", lambda found: f": {found[1].title()}", json.dumps(config, indent=4)
    ),
]


def value_of(source: str, name: str) -> Any:
    made: dict[str, Any] = {}
    exec(source, made)
    return made[name]


def comments_in(source: str) -> list[str]:
    return sorted(re.findall(r"# note \d+", source))


@given(configs(), st.sampled_from(SPELLINGS), st.sampled_from(LAYOUTS))
def test_tags_are_the_same_comments_stay_and_a_second_time_nothing_changes(
    config: K8sConfig, spelled: Callable[..., dict[str, Any]], laid_out: Callable[..., str]
) -> None:
    source = f"TAGS = {{'dagster-k8s/config': {laid_out(spelled(config.to_dict()))}}}\n"

    result = rewritten(source)

    if not config:
        assert (result.text, result.done, len(result.left)) == (source, (), 1)
        return
    assert (result.done, result.left) == ((1,), ())
    assert value_of(result.text, "TAGS") == config.tags
    assert "dagster-k8s/config" not in result.text
    assert comments_in(result.text) == comments_in(source)
    again = rewritten(result.text)
    assert (again.text, again.done, again.left) == (result.text, (), ())


@given(configs().filter(bool), st.sampled_from(SPELLINGS))
def test_json_becomes_tags_that_are_text(config: K8sConfig, spelled: Callable[..., dict[str, Any]]) -> None:
    source = (
        f"import json\nTAGS = {{'dagster-k8s/config': json.dumps({spelled(config.to_dict())!r}), 'a': 'b'}}\n"
    )

    result = rewritten(source)

    assert (result.done, result.left) == ((2,), ())
    assert value_of(result.text, "TAGS") == {**config.run_tags, "a": "b"}
    assert "import json" not in result.text


@given(configs().filter(bool))
def test_a_dictionary_with_a_name_keeps_it(config: K8sConfig) -> None:
    source = f"SMALL = {config.to_dict()!r}\nTAGS = {{'dagster-k8s/config': SMALL, 'team': 'x'}}\n"

    result = rewritten(source)

    assert result.left == ()
    assert value_of(result.text, "SMALL") == config
    assert value_of(result.text, "TAGS") == {**config.tags, "team": "x"}


def test_every_field_there_is() -> None:
    config = K8sConfig(**EVERY_FIELD)
    for spelled in SPELLINGS:
        for laid_out in LAYOUTS:
            source = f"TAGS = {{'dagster-k8s/config': {laid_out(spelled(config.to_dict()))}}}\n"

            result = rewritten(source)

            assert (result.done, result.left) == ((1,), ())
            assert value_of(result.text, "TAGS") == config.tags
            assert comments_in(result.text) == comments_in(source)
            assert "Volume.persistent_volume_claim(" in result.text
            assert "SecretKeyRef(" in result.text
