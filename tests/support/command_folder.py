"""A folder in which every example of the commands' help works: what their names stand for is in it."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers.cli import main

if TYPE_CHECKING:
    from pathlib import Path

DEFINITIONS = """\
import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor, k8s_tags


@dg.asset(op_tags=k8s_tags(cpu="500m", memory="2Gi"))
def orders(): ...


@dg.asset(op_tags=k8s_tags(cpu="2", memory="8Gi"), deps=[orders])
def churn(): ...


defs = dg.Definitions(
    assets=[orders, churn], jobs=[dg.define_asset_job("nightly")], executor=k8s_executor(max_concurrent=5)
)
"""
PODS = """\
from dagster_plus_k8s_helpers import K8sConfig, Resources

TRAIN = K8sConfig(resources=Resources(cpu=("2", "4"), memory="16Gi"))
"""
AGENT = """\
from dagster_plus_k8s_helpers import AgentValues, DagsterCloud

VALUES = AgentValues(dagster_cloud=DagsterCloud(deployment="prod"))
"""
LOCATIONS = """\
from dagster_plus_k8s_helpers import CodeLocation, CodeSource, DagsterCloudConfig

LOCATIONS = DagsterCloudConfig(
    locations=[CodeLocation(location_name="shop", code_source=CodeSource(module_name="shop.definitions"))]
)
"""
VALUES = """\
dagsterCloud:
  deployment: prod
workspace:
  runK8sConfig:
    containerConfig:
      resources: {limits: {cpu: 250m, memory: 2Gi}}
"""
CLOUD = """\
locations:
  - location_name: shop
    code_source: {module_name: shop.definitions}
    image: example.com/shop:1
"""
NODES = """\
pools:
  - {name: general, count: 3, allocatable: {cpu: "4", memory: 14Gi}, price_per_hour: 0.2}
"""
FILES = {
    "shop/__init__.py": "",
    "shop/definitions.py": DEFINITIONS,
    "shop/pods.py": PODS,
    "deploy/__init__.py": "",
    "deploy/agent.py": AGENT,
    "deploy/locations.py": LOCATIONS,
    "values.yaml": VALUES,
    "new-values.yaml": VALUES.replace("2Gi", "4Gi"),
    "dagster_cloud.yaml": CLOUD,
    "new-dagster_cloud.yaml": CLOUD.replace("shop:1", "shop:2"),
    "nodes.yaml": NODES,
    "dagster_home/dagster.yaml": "",
}


def write_files(folder: Path) -> None:
    """Writes everything that the examples name."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def forget_modules() -> None:
    """Has Python import the modules of the next folder anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"shop", "deploy"}]:
        del sys.modules[name]


def run_line(line: str, folder: Path) -> Result:
    """Calls the program as a shell does, which knows of ``<`` and ``>``; without its name.

    Args:
        line: The call.
        folder: Where the files are, which is the working folder too.
    """
    words = shlex.split(line)
    given, into = b"", None
    if "<" in words:
        place = words.index("<")
        given = (folder / words[place + 1]).read_bytes()
        del words[place : place + 2]
    if ">" in words:
        place = words.index(">")
        into = folder / words[place + 1]
        del words[place : place + 2]
    forget_modules()
    result = CliRunner().invoke(main, words, input=given)
    if into is not None:
        into.write_text(result.stdout, "utf-8")
    return result
