"""What will run: the Kubernetes Jobs that a Dagster job becomes."""
