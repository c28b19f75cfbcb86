"""The images that the workflow builds: of each its registry and its directory in a line.

`python deploy/images.py dagster_cloud.yaml`. An image has the commit as its tag, so that a registry takes one
directory only.
"""

import sys
from pathlib import Path

import yaml


def images(text: str) -> dict[str, str]:
    """The directory to build for each registry.

    Args:
        text: What dagster_cloud.yaml says.

    Raises:
        ValueError: A location without a registry, or two images in one.
    """
    found: dict[str, str] = {}
    said = yaml.safe_load(text)
    for location in (said.get("locations") if isinstance(said, dict) else None) or ():
        name, build = location.get("location_name"), location.get("build") or {}
        registry, directory = build.get("registry"), build.get("directory") or "."
        if not registry:
            raise ValueError(f"location {name!r} has no build.registry; write where its image goes")
        if found.setdefault(registry, directory) != directory:
            both = f"{found[registry]!r} and {directory!r}"
            raise ValueError(f"{registry} gets two images, of {both}; give each a registry of its own")
    if not found:
        raise ValueError("there are no locations; write at least one under locations")
    return found


if __name__ == "__main__":
    try:
        for registry, directory in images(Path(sys.argv[1]).read_text()).items():
            sys.stdout.write(f"{registry} {directory}\n")
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
