"""What is wrong with the pods that an agent's values and code locations make, judged from the files alone.

``dagster_k8s`` merges them, as for a plan; only what definitions add is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.check.asking import RULES_OF_FILES, RULES_OF_SERVERS
from dagster_plus_k8s_helpers.check.files.hits import home_of, of_any_location, with_places
from dagster_plus_k8s_helpers.check.plannable import CANNOT_PLAN
from dagster_plus_k8s_helpers.check.rules.allowed import refused_of_location
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, OF_SERVER, Hit, PodGroup, Surroundings
from dagster_plus_k8s_helpers.documents.document import parse_path
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, MissingExtraError, PlanError
from dagster_plus_k8s_helpers.files.checks.locations.check import NEWER
from dagster_plus_k8s_helpers.files.locations.cloud_cli import merged_locations
from dagster_plus_k8s_helpers.files.sections.image_texts import is_filled_in_later
from dagster_plus_k8s_helpers.files.sections.placeholders import holds_placeholder
from dagster_plus_k8s_helpers.findings.finding import MOST_OF_A_RULE, Rule, Severity
from dagster_plus_k8s_helpers.plan.merge.from_files import LocationFile, launcher_config, location_of
from dagster_plus_k8s_helpers.plan.merge.layers import Layer
from dagster_plus_k8s_helpers.plan.merge.pods import Pod, Template
from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer, make_launcher, offline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_k8s import K8sRunLauncher

    from dagster_plus_k8s_helpers.check.files.pairs import Pair
    from dagster_plus_k8s_helpers.check.subjects.subjects import PodRule
    from dagster_plus_k8s_helpers.files.places import LayerFile, PodsOf
    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName

__all__ = ["check_pods"]

TOO_LONG = Rule(
    "DPK549",
    Severity.NOTICE,
    "Merging the layers takes dagster_k8s minutes where a list has thousands of entries, and no pod that "
    "runs has as many. What is wrong with each file by itself is said all the same.",
    "shorten the list, or plan the pods with -m",
)


MOST_ENTRIES = 1_000
"""Of a list in the settings of pods that are merged."""


def check_pods(pairs: Sequence[Pair], known: Sequence[Finding]) -> list[Finding]:
    """What is wrong with the pods of each pair, each fault once however many of them have it.

    Args:
        pairs: Agents and code locations.
        known: What is wrong with the files themselves, which is not said again.
    """
    said_before = _Known(known)
    found: dict[object, Finding] = {}
    with offline() as kubeconfig:
        merging = _Merging(kubeconfig)
        for pair in pairs:
            if pair.longest > MOST_ENTRIES:
                home = [*pair.files.values()][-1].home_where()
                text = f"a list of {pair.longest:,} entries, so that the pods are not looked at"
                found |= {} if said_before.has_errors else {home: TOO_LONG.at(home, text)}
                continue
            try:
                hits = list(_hits(pair, merging))
            # Of values that are shaped otherwise Dagster and rules raise what they will.
            except Exception:
                if not (said_before.has_errors or _is_filled_in_later(pair)):
                    raise
                continue
            for hit in hits:
                where = home_of(hit, pair.files)
                if where is None or said_before.says(hit, pair.files) or _is_of_placeholder(hit, pair):
                    continue
                text = with_places(hit, pair.files, hit.text, but=where)
                key = hit.rule.code, where, of_any_location(hit.cause or hit.text)
                first = found.setdefault(key, hit.rule.at(where, f"{hit.of}: {text}", fix=hit.fix))
                if not first.message.startswith(hit.of):
                    found[key] = replace(first, message=f"{OF_RUN} and {OF_SERVER}: {text}")
    return list(found.values())


class _Known:
    """What is said of files already."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._paths: dict[str, list[tuple[str | int, ...]]] = {}
        errors = [item for item in findings if item.severity is Severity.ERROR]
        self.has_errors = bool(errors)
        self._errors = {(item.where.file, item.where.path) for item in errors}
        # What only a newer version knows the installed one refuses.
        self._has_newer = any(item.code in NEWER for item in findings)
        for item in findings:
            self._paths.setdefault(item.where.file, []).append(parse_path(item.where.path))

    def says(self, hit: Hit, files: Mapping[str, LayerFile]) -> bool:
        """Whether a file's own check speaks of a field of a hit that is about this file alone.

        What Dagster refuses it may refuse for whatever is wrong with a file.
        """
        if hit.rule is CANNOT_PLAN:
            return self.has_errors or self._has_newer
        if len({field.layer for field in hit.fields}) > 1:
            # What two layers say of a field matters once it is right in each.
            where = home_of(hit, files)
            return (
                hit.rule.severity is Severity.WARNING
                and where is not None
                and (where.file, where.path) in self._errors
            )
        return any(
            other[: len(path)] == path or path[: len(other)] == other
            for field in hit.fields
            if field.layer in files
            for where in files[field.layer].everywhere(field)
            for path in [parse_path(where.path)]
            for other in self._paths.get(where.file, ())
            if other
        )


def _is_filled_in_later(pair: Pair) -> bool:
    """Whether Dagster will read something else than the files say."""
    return any(map(holds_placeholder, (pair.values, pair.defaults, pair.location)))


def _is_of_placeholder(hit: Hit, pair: Pair) -> bool:
    """Whether a hit is about a value that is filled in later: what it will be, nobody here knows."""
    if hit.rule is CANNOT_PLAN:
        return _is_filled_in_later(pair)
    return any(
        is_filled_in_later(file.document.data, parse_path(file.where(field).path), hit.text)
        for field in hit.fields
        for file in [pair.files.get(field.layer)]
        if file is not None
    )


def _with_defaults(pair: Pair) -> Mapping[str, Any] | None:
    """The location as Dagster+ merges it with the defaults; as it is written where that cannot be."""
    if pair.location is None or not pair.defaults:
        return pair.location
    try:
        (merged,) = merged_locations({"defaults": pair.defaults, "locations": [pair.location]})
    except (MissingExtraError, DagsterPlusK8sError):
        return pair.location
    return merged


def _hits(pair: Pair, merging: _Merging) -> Iterator[Hit]:
    around = Surroundings(pair.values, _with_defaults(pair), files=pair.files)
    if not pair.is_allowed:
        yield from refused_of_location(around)
    for pods in pair.to_merge:
        of, rules = _RULES[pods]
        try:
            group = PodGroup(merging.pod(around, of), of=of)
        except _RefusedError as error:
            yield Hit(CANNOT_PLAN, str(error), of=of, layer=error.layer)
            continue
        # Of hundreds only the first are shown; a file may have a rule find tens of thousands.
        yield from (hit for rule in rules for hit in islice(rule(group, around), MOST_OF_A_RULE + 2))


_RULES: Mapping[PodsOf, tuple[str, tuple[PodRule, ...]]] = {
    "run": (OF_RUN, RULES_OF_FILES),
    "server": (OF_SERVER, RULES_OF_SERVERS),
}


class _RefusedError(Exception):
    """Dagster refuses what a layer says."""

    def __init__(self, error: PlanError, layer: LayerName) -> None:
        super().__init__(str(error))
        self.layer = layer


class _Merging:
    """Merges the layers of files by a launcher for each agent.

    Args:
        kubeconfig: Path of one of no cluster.
    """

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._launchers: dict[tuple[int, str], K8sRunLauncher] = {}
        self._no_launcher = make_launcher(None, kubeconfig)

    def pod(self, around: Surroundings, of: str) -> Pod:
        """The pod of a run as the files make it; or that of a code server, which is merged likewise."""
        location = _server_of(around.location) if of == OF_SERVER else around.location
        try:
            file = LocationFile() if location is None else location_of(location)
        except PlanError as error:
            raise _RefusedError(error, "location") from None
        sources: dict[LayerName, str] = {"dagster": "dagster"}
        launcher = self._no_launcher
        if around.agent is not None:
            sources["agent"] = "the agent's Helm values"
            launcher = self._launcher(around.agent, of)
        if location is not None:
            sources["location"] = f"the code location {file.name or '<without a name>'!r}"
        renderer = JobRenderer("any job", {}, file, (), launcher, self._no_launcher)
        layers = [_layer(renderer, name, source) for name, source in sources.items()]
        try:
            return Pod(Template(of, layers, renderer.run_job))
        except PlanError as error:
            raise _RefusedError(error, "agent" if location is None else "location") from None

    def _launcher(self, values: Mapping[str, Any], of: str) -> K8sRunLauncher:
        """The agent's launcher; without the allowlist, at the first breach of which it ends."""
        key = (id(values), of)
        if key not in self._launchers:
            try:
                settings = dict(launcher_config(_server_of_values(values) if of == OF_SERVER else values))
            except PlanError as error:
                raise _RefusedError(error, "agent") from None
            settings.pop("only_allow_user_defined_k8s_config_fields", None)
            self._launchers[key] = make_launcher(settings, self._kubeconfig)
        return self._launchers[key]


def _layer(renderer: JobRenderer, name: LayerName, source: str) -> Layer:
    try:
        return Layer(name, source, *renderer.said_by(name, None))
    # As in Template: dagster_k8s raises what it has at hand.
    except Exception as error:  # noqa: BLE001
        raise _RefusedError(PlanError(f"{name} ({source}): {reason(error)}"), name) from None


_POD_SECTIONS = ("container_config", "pod_spec_config", "pod_template_spec_metadata", "merge_behavior")
_POD_SECTIONS_OF_VALUES = ("containerConfig", "podSpecConfig", "podTemplateSpecMetadata")


def _server_of_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with what they say of a code server's pod in the place of a run's."""
    workspace = values.get("workspace")
    if not isinstance(workspace, Mapping):
        return values
    server = workspace.get("serverK8sConfig") or {}
    of_pod = {name: server[name] for name in _POD_SECTIONS_OF_VALUES if name in server}
    return {**values, "workspace": {**workspace, "runK8sConfig": of_pod}}


def _server_of(location: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The same of a code location."""
    context = (location or {}).get("container_context")
    k8s = context.get("k8s") if isinstance(context, Mapping) else None
    if location is None or not isinstance(context, Mapping) or not isinstance(k8s, Mapping):
        return location
    server = k8s.get("server_k8s_config") or {}
    of_pod = {name: server[name] for name in _POD_SECTIONS if name in server}
    return {**location, "container_context": {**context, "k8s": {**k8s, "run_k8s_config": of_pod}}}
