"""What one pod needs: values, without Dagster and without I/O."""
