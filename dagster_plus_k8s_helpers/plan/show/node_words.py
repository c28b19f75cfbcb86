"""What decides on which nodes a pod may run, in the words of ``kubectl describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NodeWord", "node_words"]

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class NodeWord(NamedTuple):
    """One thing that decides.

    Attributes:
        kind: What it is, such as ``node selector``.
        text: What it says, such as ``disk=ssd``.
        path: Where it stands inside the pod's spec.
    """

    kind: str
    text: str
    path: str

    @property
    def line(self) -> str:
        """Both in one, where there is no column for the kind."""
        return self.text if self.kind in {"node selector", "node affinity"} else f"{self.kind} {self.text}"


def node_words(spec: Mapping[str, Any]) -> Iterator[NodeWord]:
    """Everything in a pod's spec that decides on which nodes it may run, or is preferred to.

    Args:
        spec: Kubernetes' ``PodSpec``, in camelCase as the API server takes it.

    Source: ``printTolerations`` and ``printNodeSelectorTermsMultilineWithIndent`` of kubectl's describe.go
    """
    if spec.get("nodeName"):
        yield NodeWord("node", spec["nodeName"], "nodeName")
    for key, value in (spec.get("nodeSelector") or {}).items():
        yield NodeWord("node selector", f"{key}={value}", f"nodeSelector.{key}")
    yield from _affinity(spec.get("affinity") or {})
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        yield NodeWord("tolerates", _toleration(toleration), f"tolerations[{index}]")
    for index, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        if spread.get("whenUnsatisfiable") == "DoNotSchedule":
            text = f"{spread.get('topologyKey')}, max skew {spread.get('maxSkew')}"
            yield NodeWord("spread over", text, f"topologySpreadConstraints[{index}]")


def _affinity(affinity: Mapping[str, Any]) -> Iterator[NodeWord]:
    of_nodes = affinity.get("nodeAffinity") or {}
    terms = (of_nodes.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()
    if terms:
        text = " or ".join(map(_term, terms))
        yield NodeWord("node affinity", text, f"affinity.nodeAffinity.{_REQUIRED}")
    for index, preferred in enumerate(of_nodes.get(_PREFERRED) or ()):
        text = f"{_term(preferred.get('preference') or {})} (weight {preferred.get('weight')})"
        yield NodeWord("prefers", text, f"affinity.nodeAffinity.{_PREFERRED}[{index}]")
    for field, kind in (("podAffinity", "with pods"), ("podAntiAffinity", "apart from pods")):
        for index, term in enumerate((affinity.get(field) or {}).get(_REQUIRED) or ()):
            text = f"{_selector(term.get('labelSelector') or {})} by {term.get('topologyKey')}"
            yield NodeWord(kind, text, f"affinity.{field}.{_REQUIRED}[{index}]")


def _term(term: Mapping[str, Any]) -> str:
    requirements = [*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())]
    return ", ".join(map(_requirement, requirements)) or "no node"


def _selector(selector: Mapping[str, Any]) -> str:
    labels = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    return ", ".join([*labels, *map(_requirement, selector.get("matchExpressions") or ())]) or "of any labels"


def _requirement(requirement: Mapping[str, Any]) -> str:
    text = f"{requirement.get('key')} {str(requirement.get('operator')).lower()}"
    values = requirement.get("values")
    return f"{text} [{', '.join(map(str, values))}]" if values else text


def _toleration(toleration: Mapping[str, Any]) -> str:
    key, value = toleration.get("key") or "", toleration.get("value")
    operator, effect = toleration.get("operator") or "Equal", toleration.get("effect")
    text = f"{key}={value}" if value else key
    text += f":{effect}" if effect else ""
    if operator != "Equal":
        text = f"{text} op={operator}".strip()
    seconds = toleration.get("tolerationSeconds")
    return text if seconds is None else f"{text} for {seconds}s"
