"""The layers of a pod, merged by dagster_k8s' own code, and where each field comes from."""
