"""Scripts that run outside Dagster; all they know of it is dagster_pipes, a package without dependencies."""
