"""dagster_cloud.yaml, container_context.yaml and build.yaml as typed sections."""
