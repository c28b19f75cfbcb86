"""The commands of ``dagster-plus-k8s``, one module each."""
