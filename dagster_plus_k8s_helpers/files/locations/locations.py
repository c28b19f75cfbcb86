"""`DagsterCloudConfig` and `CodeLocation`: dagster_cloud.yaml, typed, written and read back.

What Dagster+ itself does with the file, merging the defaults and filling in templates, is left to
``dagster_cloud_cli`` (extra ``cloud``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, ValidationInfo, model_validator

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.writing import to_yaml_text
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.locations.cloud_cli import merged_locations, rendered_template
from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext, K8sContainerContext
from dagster_plus_k8s_helpers.files.sections.image_texts import ImageText, RepositoryText
from dagster_plus_k8s_helpers.files.sections.readers import read_as
from dagster_plus_k8s_helpers.files.sections.section import Items, Section, is_from_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Build", "CodeLocation", "CodeSource", "DagsterCloudConfig", "LocationDefaults"]


class CodeSource(Section):
    """Where the definitions of a code location are; exactly one of the fields.

    Attributes:
        package_name: A Python package.
        module_name: A Python module.
        python_file: A Python file.
        autoload_defs_module_name: A module whose whole tree is searched for definitions.
    """

    package_name: str | None = None
    module_name: str | None = None
    python_file: str | None = None
    autoload_defs_module_name: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        names = list(type(self).model_fields)
        given = [name for name in names if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"must name one of {', '.join(names)}, not {' and '.join(given) or 'none'}")
        return self


class Build(Section):
    """How the image of a code location is built: what build.yaml of a dg project holds, too.

    Attributes:
        directory: Folder with the Dockerfile, from the file that says so.
        registry: Where the image is pushed to, without a tag.
    """

    directory: str | None = None
    registry: RepositoryText | None = None


def _context(value: object, info: ValidationInfo) -> object:
    """From Python the Kubernetes part alone will do."""
    if not is_from_file(info) and isinstance(value, K8sContainerContext):
        return ContainerContext(k8s=value)
    return value


_Context = Annotated[ContainerContext, BeforeValidator(_context)]


def _source(value: object, info: ValidationInfo) -> object:
    """From Python the name of a module will do."""
    return CodeSource(module_name=value) if not is_from_file(info) and isinstance(value, str) else value


class LocationDefaults(Section):
    """What every code location of a dagster_cloud.yaml says unless it says otherwise.

    Attributes:
        build: How images are built.
        working_directory: Where the code server starts.
        image: A ready image.
        executable_path: The Python to start.
        container_context: What the pods need; a `K8sContainerContext` will do.
        agent_queue: Queue of the agents that serve the locations.
    """

    build: Build | None = None
    working_directory: str | None = None
    image: ImageText | None = None
    executable_path: str | None = None
    container_context: _Context | None = None
    agent_queue: str | None = None


@answering
class CodeLocation(Section):
    """One code location.

    Attributes:
        location_name: Its name in Dagster+.
        code_source: Where its definitions are; the name of a module will do.
        build: How its image is built.
        working_directory: Where the code server starts.
        image: A ready image.
        executable_path: The Python to start.
        attribute: The repository or function in the code source, when there are several.
        container_context: What its pods need; a `K8sContainerContext` will do.
        agent_queue: Queue of the agents that serve it; the default queue when left out.

    Raises:
        UnknownFieldError: A field that does not exist, at any depth.
        K8sConfigError: A value that Dagster+, Dagster or Kubernetes would refuse or ignore.

    Source: https://docs.dagster.io/deployment/code-locations/dagster-cloud-yaml
    """

    location_name: str
    code_source: Annotated[CodeSource, BeforeValidator(_source)] | None = None
    build: Build | None = None
    working_directory: str | None = None
    image: ImageText | None = None
    executable_path: str | None = None
    attribute: str | None = None
    container_context: _Context | None = None
    agent_queue: str | None = None

    @model_validator(mode="after")
    def _has_an_image(self) -> Self:
        # Of what is built, dagster-cloud ci writes the image here.
        if self.image == "" and self.build is None:
            raise K8sConfigError("is empty; write an image, or leave it out", where="image")
        return self

    @classmethod
    def from_yaml(cls, source: str | Path) -> Self:
        """From the text or path of one entry of dagster_cloud.yaml; keys that resemble no known one stay.

        Raises:
            InvalidFileError: The file has mistakes other than a literal credential or a variable without a
                value; `InvalidFileError.findings` are all of them.
            OSError: The file cannot be read.
        """
        return read_as(cls, source)

    def to_yaml(self) -> str:
        """The entry, with only what was set, in a stable order."""
        return to_yaml_text(self.to_dict())


@answering
class DagsterCloudConfig(Section):
    """What dagster_cloud.yaml holds.

    Attributes:
        defaults: What all locations have in common.
        locations: The code locations.

    Raises:
        UnknownFieldError: A field that does not exist, at any depth.
        K8sConfigError: A value that Dagster+, Dagster or Kubernetes would refuse or ignore.

    Source: https://docs.dagster.io/deployment/code-locations/dagster-cloud-yaml
    """

    defaults: LocationDefaults | None = None
    locations: Items[CodeLocation]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [location.location_name for location in self.locations]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise K8sConfigError(
                    f"the location {name!r} is there already; Dagster+ tells locations apart by their names",
                    where=f"locations[{index}].location_name",
                )
        return self

    @classmethod
    def from_yaml(cls, source: str | Path) -> Self:
        """From the text or the path of a dagster_cloud.yaml; keys that resemble no known one stay.

        Raises:
            InvalidFileError: The file has mistakes other than a literal credential or a variable without a
                value; `InvalidFileError.findings` are all of them.
            OSError: The file cannot be read.
        """
        return read_as(cls, source)

    def to_yaml(self) -> str:
        """The file, with only what was set, in a stable order."""
        return to_yaml_text(self.to_dict())

    @classmethod
    def from_template(cls, path: Path, values: Mapping[str, Any] | None = None) -> Self:
        """From a file with Jinja in it, filled in as ``dagster-cloud ci template`` does it.

        Args:
            path: The file.
            values: What the template calls by name; ``get_env`` reads the environment.

        Raises:
            MissingExtraError: The extra ``cloud`` is not installed.
            K8sConfigError: The template is wrong.
            InvalidFileError: What comes out has mistakes, as for `from_yaml`.
        """
        return cls.from_yaml(rendered_template(path, values or {}))

    def merged(self) -> DagsterCloudConfig:
        """The locations as Dagster+ sees them: each with the defaults merged in, and no defaults.

        Raises:
            MissingExtraError: The extra ``cloud`` is not installed.
            K8sConfigError: Defaults that Dagster+ cannot merge, or that do not fit together when merged.
        """
        return type(self).from_dict({"locations": merged_locations(self.to_dict())})
